"""What lets Shale read Secrets of a namespace: a Role with their names, bound to the services that need them."""

import hashlib
from collections.abc import Sequence
from typing import Any

from shale.secrets import names

SERVICE_ACCOUNTS = ("shale-system/image-builder", "shale-system/builder-sync")
"""Who reads Secrets (house.md, section 5), where the chart puts them."""

_RBAC = "rbac.authorization.k8s.io"


def grant(
    namespace: str, secrets: Sequence[str], service_accounts: Sequence[str] = SERVICE_ACCOUNTS
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the Role and the RoleBinding, ready for `kubectl apply`; ValueError names what is no name.

    `service_accounts` are `namespace/name`. The Role's name is made from theirs: granting more takes nothing
    back.
    """
    wanted = sorted(set(secrets))
    wrong = [name for name in wanted if not names.is_name(name)]
    if not names.is_namespace(namespace) or wrong or not wanted:
        raise ValueError(f"{(wrong or [namespace])[0]!r} is no name: names are of a-z, 0-9, '-' and '.'")
    told = " ".join([*wanted, *sorted(service_accounts)])
    own = f"shale-secrets-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    meta = {"name": own, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "shale"}}
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": wanted, "verbs": ["get"]}
    head = {"apiVersion": f"{_RBAC}/v1"}
    role = {**head, "kind": "Role", "metadata": meta, "rules": [rule]}
    binding = {
        **head,
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": own},
        "subjects": [_subject(account) for account in service_accounts],
    }
    return role, binding


def _subject(account: str) -> dict[str, str]:
    namespace, _, name = account.partition("/")
    if not names.is_namespace(namespace) or not names.is_name(name):
        raise ValueError(f"{account!r} is no service account: write namespace/name")
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}
