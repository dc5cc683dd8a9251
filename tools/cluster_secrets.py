#!/usr/bin/env python3
"""Make the Secrets that Shale's own parts know one another by, where they are missing. Standard library and kubectl.

    python3 tools/cluster_secrets.py [KUBECTL ARGUMENTS, as --context kind-kind]

One Secret per user of NATS, and the key of the readers. What is there is left as it is: to have one made anew, delete
it and restart NATS and whoever uses it. Whoever uses the readers' key (shale-reader) are storage-provisioner and
builder-sync: restart both. Readers that know the old one are then replaced, and what is being built goes on.
What is drawn is shown nowhere, and is on no command line.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

USERS = Path(__file__).resolve().parent.parent / "deploy" / "base" / "nats" / "users.conf"
NAMESPACE = "shale-system"
SECONDS = 60


def wanted() -> Iterator[tuple[str, str]]:
    """Yield the name of each Secret and the key in it."""
    for user in re.findall(r"user: (\S+)", USERS.read_text(encoding="utf-8")):
        yield f"shale-nats-{user}", "password"
    yield "shale-reader", "key"


def manifest(name: str, key: str) -> dict[str, object]:
    """Return one Secret; a letter stands first, as nats-server reads what begins with a digit as a number."""
    drawn = base64.b64encode(f"p{secrets.token_hex(32)}".encode()).decode()
    labels = {"app.kubernetes.io/part-of": "shale"}
    meta = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "data": {key: drawn}}


def kubectl(arguments: Sequence[str], *command: str, said: str = "") -> str:
    """Run kubectl and return what it says; what it complains of is shown as it comes."""
    ran = [*("kubectl", *arguments, "--namespace", NAMESPACE), *command]
    return subprocess.run(ran, input=said, stdout=subprocess.PIPE, text=True, check=True, timeout=SECONDS).stdout


def main(arguments: Sequence[str]) -> int:
    """Make what is missing; 1 when kubectl could not."""
    try:
        there = set(kubectl(arguments, "get", "secrets", "--output", "name").split())
        missing = [manifest(name, key) for name, key in wanted() if f"secret/{name}" not in there]
        if missing:
            made = json.dumps({"apiVersion": "v1", "kind": "List", "items": missing})
            print(kubectl(arguments, "create", "--filename", "-", said=made), end="")
    except (OSError, subprocess.SubprocessError) as error:
        print(f"the Secrets were not made: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
