"""What a Pod's own words amount to: it serves, it starts, someone must act, or it ended. Pure."""

import re
from collections.abc import Iterable

import msgspec

from shale.storage_provisioner.cluster import core
from shale.storage_provisioner.cluster.core import Event, Pod, PodStatus, Terminated

SLOW = 600.0
"""Seconds after which a reader that still starts is one that somebody should look at."""
LINGERS = 60.0
"""Seconds after which a Pod that was to be gone is on a node that does not answer: its grace period is over by then."""
LONGEST = 1024

_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
_NOT_STARTED = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"}
_MOUNT = {"FailedMount", "FailedAttachVolume", "FailedMapVolume"}
_NOT_ITS_FAULT = {"Evicted", "Preempting", "NodeLost", "Shutdown", "Terminated"}


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


def state(pod: Pod, events: Iterable[Event], before: str, now: float) -> PodState:
    """Return how a reader's Pod stands; `events` are those about it, `before` the last words of the one before."""
    meta, status = pod.metadata, pod.status
    name = f"Pod {meta.namespace}/{meta.name}"
    if meta.deletion_timestamp:
        return _ends(name, meta.deletion_timestamp, now)
    if status.phase in {"Failed", "Succeeded"}:
        return _ended(name, status)
    if any(one.type == "Ready" and one.status == "True" for one in status.conditions):
        return Serves()
    if stuck := _unscheduled(name, status) or _waiting(name, status) or _unmounted(name, status, events):
        return stuck
    if before:
        return Stuck(*_said(before))
    if now - core.seconds(meta.creation_timestamp) > SLOW:
        return Stuck("ReaderSlow", f"{name} does not get ready in {SLOW:g} s: kubectl describe it")
    return Starts(f"{name} starts")


def _ends(name: str, due: str, now: float) -> Starts | Stuck:
    """Wait until its node lets go of it: `due` is when the grace period ends, and a dead node never does."""
    if now - core.seconds(due) <= LINGERS:
        return Starts(f"{name} ends; another one takes its place")
    why = f"{name} was to end and does not: its node does not answer, or a finalizer holds it"
    return Stuck("NodeLost", f"{why}: mend or delete that node, or kubectl delete --force the Pod")


def _unscheduled(name: str, status: PodStatus) -> Stuck | None:
    why = next((one.message for one in status.conditions if one.type == "PodScheduled" and one.status == "False"), None)
    if why is None:
        return None
    cure = "make room for it, or mend the node that its volume is on"
    return Stuck("Unschedulable", f"{name} has no node: {why[:LONGEST]}: {cure}")


def _waiting(name: str, status: PodStatus) -> Stuck | None:
    for one in status.container_statuses:
        if (waiting := one.state.waiting) is None:
            continue
        why = f"{waiting.reason}: {waiting.message[:LONGEST]}" if waiting.message else waiting.reason
        if waiting.reason in _IMAGE:
            cure = "let nodes pull it, or let SHALE_READER_IMAGE name one that they can"
            return Stuck("ImageNotPulled", f"{name} waits for image {one.image} ({why}): {cure}")
        if waiting.reason in _NOT_STARTED:
            return Stuck("ReaderNotStarted", f"{name} does not start ({why}): kubectl describe it")
    return None


def _unmounted(name: str, status: PodStatus, events: Iterable[Event]) -> Stuck | None:
    failed = [one for one in events if one.reason in _MOUNT]
    if not failed or status.phase != "Pending":
        return None
    why = max(failed, key=lambda one: one.when).message or ""
    cure = "see that the volume exists and that its node may mount it"
    return Stuck("MountFailed", f"{name} cannot mount it: {why[:LONGEST]}: {cure}")


def _ended(name: str, status: PodStatus) -> Ended:
    ended = next((one.state.terminated for one in status.container_statuses if one.state.terminated), Terminated())
    at = core.seconds(ended.finished_at or "")
    if status.phase == "Succeeded" or status.reason in _NOT_ITS_FAULT:
        return Ended(at)
    if words := ended.message or status.message:
        return Ended(at, *_said(words))
    why = ended.reason or status.reason or "Failed"
    return Ended(at, "ReaderEnded", f"{name} ended with code {ended.exit_code} ({why}): kubectl logs tells why")


def _said(words: str) -> tuple[str, str]:
    """Return the reason and the message of a reader's last words, `SourceNotFound: ...`."""
    reason, separator, message = words.partition(": ")
    if separator and re.fullmatch("[A-Z][A-Za-z]{2,40}", reason):
        return reason, message[:LONGEST]
    return "ReaderEnded", words[:LONGEST]
