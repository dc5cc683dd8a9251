"""`shale grant`: the Role and RoleBinding that let Shale read some Secrets, to be applied by their owner."""

import msgspec
import yaml

from shale.cli.common import Common
from shale.cli.exits import Exit, usage
from shale.cli.screen import document, note
from shale.secrets import rules
from shale.secrets.grant import SERVICE_ACCOUNTS, grant


class Options(msgspec.Struct, frozen=True):
    """`accounts`: `namespace/name` of the service accounts that may read them; empty: those of the chart."""

    namespace: str
    secrets: list[str]
    accounts: list[str] = []


def run(common: Common, options: Options) -> int:
    """Print both manifests, and beside them what else a Secret needs."""
    try:
        made = grant(options.namespace, options.secrets, options.accounts or SERVICE_ACCOUNTS)
    except ValueError as error:
        raise usage(str(error)) from None
    if common.output == "json":
        document({"apiVersion": "v1", "kind": "List", "items": list(made)}, "json")
    else:
        print(yaml.safe_dump_all(made, sort_keys=False), end="")
    names = " ".join(sorted(set(options.secrets)))
    note(f"each also needs its owner's word: kubectl label secret -n {options.namespace} {names} {rules.USE}=true")
    return Exit.OK
