"""What storage-provisioner does next: its specification."""

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import StorageReady
from shale.contracts.resources.modelversion import Storage
from shale.runtime.decision import Decision, Done, Wait
from shale.runtime.service import Trigger
from shale.storage_provisioner.problem import Problem

A_DAY = 86_400.0
LOOK_AGAIN = 5.0
"""Seconds: a folder that appears sends no fact."""


class Seen(msgspec.Struct, frozen=True):
    """One version's storage, and where its weights can be read."""

    about: About
    storage: Storage
    now: float
    settled: bool
    """This generation has its place, or had its end."""
    place: str | Problem
    """The URI for packers."""


def decide(trigger: Trigger, seen: Seen) -> Decision:
    """Say where the weights can be read, as soon as they can."""
    del trigger
    if seen.settled:
        return Done()
    if isinstance(seen.place, Problem):
        problem = seen.place
        again_in = LOOK_AGAIN if problem.passes else None
        return Wait(problem.reason, problem.message, until=seen.now + A_DAY, again_in=again_in, stalled=True)
    return Done((StorageReady(about=seen.about, uri=seen.place),))
