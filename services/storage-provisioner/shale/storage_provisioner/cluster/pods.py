"""What a Pod's own words amount to: it serves, it starts, someone must act, or it ended. Pure."""

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

import msgspec

Tree = dict[str, Any]

SLOW = 600.0
"""Seconds after which a reader that still starts is one that somebody should look at."""
LONGEST = 1024

_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
_NOT_STARTED = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"}
_MOUNT = {"FailedMount", "FailedAttachVolume", "FailedMapVolume"}


class Serves(msgspec.Struct, frozen=True):
    """It answers."""


class Starts(msgspec.Struct, frozen=True):
    """It is on its way."""

    message: str


class Stuck(msgspec.Struct, frozen=True):
    """Someone must act; the message names the Pod, the cause and the cure."""

    reason: str
    message: str


class Ended(msgspec.Struct, frozen=True):
    """It is over, `at` seconds since the epoch; with a `reason`, and the cure, if that is not how readers end."""

    at: float
    reason: str = ""
    message: str = ""


PodState = Serves | Starts | Stuck | Ended


def state(pod: Tree, events: Iterable[Tree], before: str, now: float) -> PodState:
    """Return how a reader's Pod stands; `events` are those about it, `before` the last words of the one before."""
    meta, status = pod["metadata"], pod.get("status", {})
    name = f"Pod {meta['namespace']}/{meta['name']}"
    if meta.get("deletionTimestamp"):
        return Starts(f"{name} ends; another one takes its place")
    if status.get("phase") in {"Failed", "Succeeded"}:
        return _ended(name, status)
    if _condition(status, "Ready") == ("True", ""):
        return Serves()
    scheduled, why = _condition(status, "PodScheduled")
    if scheduled == "False":
        cure = "make room for it, or the node that its volume is on"
        return Stuck("Unschedulable", f"{name} has no node: {why[:LONGEST]}: {cure}")
    waiting = _waiting(name, pod, status)
    if waiting is not None:
        return waiting
    failed = [one for one in events if one.get("reason") in _MOUNT]
    if failed and status.get("phase") == "Pending":
        last = max(failed, key=when)
        cure = "see that the volume exists and that its node may mount it"
        return Stuck("MountFailed", f"{name} cannot mount it: {str(last.get('message'))[:LONGEST]}: {cure}")
    if before:
        return Stuck(*_said(before))
    if now - _seconds(meta.get("creationTimestamp", "")) > SLOW:
        return Stuck("ReaderSlow", f"{name} does not get ready in {SLOW:g} s: kubectl describe it")
    return Starts(f"{name} starts")


def _waiting(name: str, pod: Tree, status: Tree) -> Stuck | None:
    for one in status.get("containerStatuses") or ():
        waiting = one.get("state", {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), str(waiting.get("message", ""))[:LONGEST]
        if reason in _IMAGE:
            image = pod["spec"]["containers"][0]["image"]
            cure = "let nodes pull it, or let SHALE_READER_IMAGE name one that they can"
            return Stuck("ImageNotPulled", f"{name} waits for image {image} ({reason}: {message}): {cure}")
        if reason in _NOT_STARTED:
            return Stuck("ReaderNotStarted", f"{name} does not start ({reason}: {message}): kubectl describe it")
    return None


def _ended(name: str, status: Tree) -> Ended:
    states = [one.get("state", {}).get("terminated") or {} for one in status.get("containerStatuses") or ()]
    ended = states[0] if states else {}
    at = _seconds(ended.get("finishedAt", ""))
    if status.get("phase") == "Succeeded" or status.get("reason") in {"Evicted", "Preempting", "NodeLost", "Shutdown"}:
        return Ended(at)
    words = str(ended.get("message") or status.get("message") or "")
    if words:
        return Ended(at, *_said(words))
    code, reason = ended.get("exitCode", "?"), ended.get("reason") or status.get("reason") or "Failed"
    return Ended(at, "ReaderEnded", f"{name} ended with code {code} ({reason}): kubectl logs tells why")


def _said(words: str) -> tuple[str, str]:
    """Return the reason and the message of a reader's last words, `SourceNotFound: ...`."""
    reason, separator, message = words.partition(": ")
    if separator and re.fullmatch("[A-Z][A-Za-z]{2,40}", reason):
        return reason, message[:LONGEST]
    return "ReaderEnded", words[:LONGEST]


def _condition(status: Tree, kind: str) -> tuple[str, str]:
    """Return a condition's status, and its message where it is not True."""
    found = next((one for one in status.get("conditions") or () if one.get("type") == kind), {})
    met = found.get("status", "")
    return met, "" if met == "True" else str(found.get("message", ""))


def when(event: Tree) -> str:
    """Return when an event was seen last, as something to sort by."""
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def _seconds(stamp: str) -> float:
    """Return RFC 3339 as seconds since the epoch; what is none is long ago."""
    try:
        return dt.datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return 0.0
