"""Who each service is in Kubernetes, and what it may do there: what `touches` of its cards says, and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shale.blueprint.asyncapi import Services
from shale.runtime.service import Card

Page = dict[str, Any]

NAMESPACE = "shale-system"
_RBAC = "rbac.authorization.k8s.io"


def rbac(services: Services) -> tuple[Page, ...]:
    """Return a ServiceAccount for each service; for who touches anything a ClusterRole and its binding."""
    return tuple(page for service, cards in services.items() for page in _pages(service, cards))


def passwords(names: Mapping[str, str]) -> Page:
    """Return what hands nats-server its users' passwords: a patch of its StatefulSet, of user names by variable."""
    env = [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": f"shale-nats-{user}", "key": "password"}}}
        for variable, user in names.items()
    ]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "nats"},
        "spec": {"template": {"spec": {"containers": [{"name": "nats", "env": env}]}}},
    }


def labels(service: str) -> dict[str, str]:
    """Return what marks everything that belongs to a service."""
    return {"app.kubernetes.io/name": service, "app.kubernetes.io/part-of": "shale"}


def _pages(service: str, cards: Sequence[Card]) -> Iterator[Page]:
    account = {"name": service, "namespace": NAMESPACE}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**account, "labels": labels(service)}}
    rules = _rules(cards)
    if rules:
        role = f"shale-{service}"
        meta, head = {"name": role, "labels": labels(service)}, {"apiVersion": f"{_RBAC}/v1"}
        yield {**head, "kind": "ClusterRole", "metadata": meta, "rules": rules}
        yield {
            **head,
            "kind": "ClusterRoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", **account}],
        }


def _rules(cards: Sequence[Card]) -> list[Page]:
    touches = dict.fromkeys(touch for card in cards for touch in card.touches)
    return [
        {"apiGroups": [touch.group], "resources": list(touch.resources), "verbs": list(touch.verbs)}
        for touch in touches
    ]
