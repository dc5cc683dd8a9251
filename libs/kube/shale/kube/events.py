"""What a person who describes an object reads of its life: an Event for each phase and reason of a generation. Pure."""

import hashlib
from typing import Any

from shale.contracts.resources import GROUP, VERSION, Object, Status
from shale.contracts.resources.meta import Condition
from shale.kube.conditions import RETRYING, cause
from shale.kube.gvk import Gvk

EVENT = Gvk("events.k8s.io/v1", "Event")
CONTROLLER = f"{GROUP}/watcher"
NOTE = 1024
"""Bytes of a note, at most (the API server's)."""
_NAME = 200
"""Characters of the object's name that go into the Event's: with the hash it stays below 253."""


def of(obj: Object, status: Status, now: str, instance: str) -> dict[str, Any] | None:
    """Return the Event of a status that is written over `obj`; None when phase, reason and cause of a retry stay.

    Its name is made from what it says: told again after a crash it is there already. `now` is RFC 3339 with
    microseconds.
    """
    before, after = _standing(obj.status), _standing(status)
    ready = _ready(status)
    if ready is None or before == after:
        return None
    meta = obj.metadata
    told = hashlib.sha256(":".join((meta.uid, str(status.observed_generation), *after)).encode()).hexdigest()
    stalled = any(one.type == "Stalled" and one.status == "True" for one in status.conditions)
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": f"{meta.name[:_NAME]}.{told[:16]}", "namespace": meta.namespace},
        "eventTime": now,
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:128],
        "action": status.phase,
        "reason": ready.reason,
        "type": "Warning" if stalled else "Normal",
        "note": _cut(ready.message or status.phase),
        "regarding": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": obj.kind,
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
        },
    }


def _standing(status: Status) -> tuple[str, ...]:
    ready = _ready(status)
    if ready is None:
        return str(status.observed_generation), status.phase
    why = (cause(ready),) if ready.reason == RETRYING else ()
    return str(status.observed_generation), status.phase, ready.reason, *why


def _ready(status: Status) -> Condition | None:
    return next((one for one in status.conditions if one.type == "Ready"), None)


def _cut(message: str) -> str:
    return message.encode()[:NOTE].decode(errors="ignore")
