"""Conditions that tell the truth to kstatus: Ready always, Reconciling and Stalled only while they are so. Pure."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from shale.contracts.resources.meta import Condition

Kstatus = Literal["Current", "InProgress", "Failed", "Terminating"]
RETRYING = "Retrying"
"""The reason while what failed is tried again."""


class Says(msgspec.Struct, frozen=True):
    """What is to be said under one type, before anyone knows since when."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""


def ready(reason: str, message: str = "") -> tuple[Says, ...]:
    """Say that all is as the spec wants it."""
    return (Says("Ready", "True", reason, message),)


def reconciling(reason: str, message: str = "") -> tuple[Says, ...]:
    """Say that it is being worked on. Ready is False, not Unknown, so that waiting for it works."""
    return Says("Ready", "False", reason, message), Says("Reconciling", "True", reason, message)


def retrying(seconds: int, cause: str) -> tuple[Says, ...]:
    """Say that it is tried again in so many seconds, and why it has to be."""
    return reconciling(RETRYING, f"retrying in {seconds} s: {cause}")


def cause(condition: Condition) -> str:
    """Return a message without what counts down in it: of a retry, all that follows the seconds."""
    return condition.message.partition(": ")[2] if condition.reason == RETRYING else condition.message


def stalled(reason: str, message: str) -> tuple[Says, ...]:
    """Say that somebody must act; the message names the cure."""
    return Says("Ready", "False", reason, message), Says("Stalled", "True", reason, message)


def stamp(says: Iterable[Says], before: Iterable[Condition], generation: int, now: str) -> tuple[Condition, ...]:
    """Return the conditions in the order given, each with the time since when its status is what it is.

    `before` are the object's last conditions, `now` is RFC 3339. A type said twice counts as it was said last.
    """
    since = {(old.type, old.status): old.last_transition_time for old in before}
    return tuple(
        Condition(
            type=said.type,
            status=said.status,
            reason=said.reason,
            message=said.message,
            last_transition_time=since.get((said.type, said.status)) or now,
            observed_generation=generation,
        )
        for said in {said.type: said for said in says}.values()
    )


def kstatus(conditions: Iterable[Condition], generation: int, observed: int, *, deleting: bool = False) -> Kstatus:
    """Return what kstatus, and so Flux, Argo CD and `kubectl wait` users, read in an object of ours."""
    true = {condition.type for condition in conditions if condition.status == "True"}
    if deleting:
        return "Terminating"
    if observed != generation or "Reconciling" in true:
        return "InProgress"
    if "Stalled" in true:
        return "Failed"
    return "Current" if "Ready" in true else "InProgress"
