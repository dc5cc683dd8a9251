"""How an object's deletion is asked for, and what the answer means. Pure."""

from typing import Any

import msgspec

from shale.kube import answers
from shale.kube.resources import Cascade

_POLICY: dict[Cascade, str] = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}


class _Ended(msgspec.Struct, frozen=True):
    uid: str = ""


class _Answer(msgspec.Struct, frozen=True):
    kind: str = ""
    details: _Ended | None = None


_ANSWERS = msgspec.json.Decoder(_Answer)


def options(uid: str | None, cascade: Cascade, resource_version: str = "") -> dict[str, Any]:
    """Return the DeleteOptions; with a uid or a resourceVersion only the very object that was read is meant."""
    tree = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": _POLICY[cascade]}
    same = {"uid": uid, "resourceVersion": resource_version}
    preconditions = {name: value for name, value in same.items() if value}
    return {**tree, "preconditions": preconditions} if preconditions else tree


def removed(body: bytes, what: str) -> str | None:
    """Return the uid of what is gone already; None when the answer is the object, which something holds.

    Raises Transient for what is neither.
    """
    said = answers.parsed(_ANSWERS, body, what)
    if said.kind != "Status":
        return None
    return said.details.uid if said.details else ""
