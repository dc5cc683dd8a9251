"""A Pod's status, as a kubelet writes it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from shale.testkit.kubelet.container import Container

Tree = dict[str, Any]


def unscheduled(why: str) -> Tree:
    """Return the status of a Pod that has no node."""
    return {"phase": "Pending", "conditions": [_condition("PodScheduled", "False", why)]}


class Waiting(msgspec.Struct, frozen=True):
    """What containers wait for that do not run."""

    reason: str = ""
    message: str = ""


def of(pod: Tree, phase: str, made: Sequence[Container], waiting: Waiting, *, ready: bool) -> Tree:
    """Return the status of a Pod."""
    states = [_state(one, waiting) for one in made]
    if not made and waiting.reason:
        states = [_unstarted(spec, waiting) for spec in pod["spec"]["containers"]]
    well = "True" if ready and phase == "Running" else "False"
    conditions = [_condition("PodScheduled", "True"), _condition("Initialized", "True")]
    conditions += [_condition("ContainersReady", well), _condition("Ready", well)]
    return {"phase": phase, "conditions": conditions, "containerStatuses": states, "hostIP": "127.0.0.1"}


def _condition(kind: str, status: str, message: str = "") -> Tree:
    reason = {"reason": "Unschedulable", "message": message} if message else {}
    return {"type": kind, "status": status, **reason}


def _state(one: Container, waiting: Waiting) -> Tree:
    """Return a container's status."""
    state: Tree = {"running": {"startedAt": one.started}}
    if one.ended is not None:
        reason = "Completed" if one.ended == 0 else "Error"
        ended = {"exitCode": one.ended, "reason": reason, "message": one.last_words(), "finishedAt": one.ended_at}
        state = {"waiting": msgspec.to_builtins(waiting)} if waiting.reason else {"terminated": ended}
    spec = one.spec
    same = {"name": spec["name"], "image": spec["image"], "imageID": spec["image"], "restartCount": one.restarts}
    return {**same, "ready": "running" in state, "state": state}


def _unstarted(spec: Tree, waiting: Waiting) -> Tree:
    state = {"waiting": msgspec.to_builtins(waiting)}
    same = {"name": spec["name"], "image": spec["image"], "imageID": "", "restartCount": 0, "ready": False}
    return {**same, "state": state}
