"""What a person who describes an object reads of its life: an Event for each phase and reason of a generation. Pure.

What comes back is the same Event, once more: its series says how often, and when last, as Kubernetes' own do.
"""

import hashlib
from typing import Any

import msgspec

from shale.contracts.resources import GROUP, VERSION, Object, Status
from shale.contracts.resources.meta import Condition
from shale.kube.conditions import RETRYING, cause
from shale.kube.gvk import Gvk

EVENT = Gvk("events.k8s.io/v1", "Event")
CONTROLLER = f"{GROUP}/watcher"
NOTE = 1024
"""Bytes of a note, at most (the API server's)."""
_ENDS = frozenset({"Ready", "Failed"})
_NAME = 200
"""Characters of the object's name that go into the Event's: with the hash it stays below 253."""


class Noted(msgspec.Struct, frozen=True):
    """An Event, and `what` it says: the same words of the same generation are the same, whenever they are said."""

    what: str
    event: dict[str, Any]
    end: bool = False
    """Its generation had its end: nothing follows."""

    @property
    def name(self) -> str:
        """Return the Event's name."""
        return str(self.event["metadata"]["name"])

    @property
    def whose(self) -> str:
        """Return the uid of the object."""
        return str(self.event["regarding"]["uid"])


def of(obj: Object, status: Status, now: str, instance: str) -> Noted | None:
    """Return the Event of a status that is written over `obj`; None when phase, reason and cause of a retry stay.

    Its name is made from what it says and over which resourceVersion it was written: told twice it is there already,
    and what is said once more is not taken for it. `now` is RFC 3339 with microseconds.
    """
    before, after = _standing(obj.status), _standing(status)
    ready = _ready(status)
    if ready is None or before == after:
        return None
    meta = obj.metadata
    what = _hashed(meta.uid, *after, cause(ready))
    stalled = any(one.type == "Stalled" and one.status == "True" for one in status.conditions)
    event: dict[str, Any] = {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {
            "name": f"{meta.name[:_NAME]}.{_hashed(what, meta.resource_version)[:16]}",
            "namespace": meta.namespace,
        },
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
    return Noted(what, event, end=status.phase in _ENDS)


def again(known: Noted, noted: Noted) -> Noted:
    """Return what was told before as it is told once more: whoever hears that twice has heard it once."""
    count = known.event.get("series", {}).get("count", 1) + 1
    series = {"count": count, "lastObservedTime": noted.event["eventTime"]}
    return msgspec.structs.replace(known, event={**known.event, "series": series})


def _hashed(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


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
