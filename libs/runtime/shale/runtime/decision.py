"""What a service may answer: do one more thing, done, wait, or refuse.

And the effects that the runtime performs itself.
"""

from typing import Any

import msgspec

from shale.contracts.facts import Milestone
from shale.contracts.jobs import Job


class Do(msgspec.Struct, frozen=True):
    """Perform `effect`, then decide again.

    One of RUNTIME_EFFECTS is performed by the runtime, any other by the service.
    """

    effect: Any


class Done(msgspec.Struct, frozen=True):
    """Nothing is left to do: each fact is published once, then the trigger is acked."""

    facts: tuple[Milestone, ...] = ()


class Wait(msgspec.Struct, frozen=True):
    """Something else must come first. Says `Progressed` if that is news, wakes this service again at `until`, and acks.

    `reason` is CamelCase, `message` names what is waited for and the cure, `until` is seconds since the epoch: what
    happens if nothing wakes us sooner. `again_in` (seconds) is a nearer tick, for worlds that send no facts.
    `stalled`: someone must act outside the spec.
    """

    reason: str
    message: str
    until: float
    again_in: float | None = None
    stalled: bool = False


class Refuse(msgspec.Struct, frozen=True):
    """Only what no change outside the spec can mend: says `Refused` (for a job: its refusal) and ends the trigger."""

    reason: str
    message: str


Decision = Do | Done | Wait | Refuse


class Ask(msgspec.Struct, frozen=True):
    """Ask for jobs; one that is asked already is not asked twice."""

    jobs: tuple[Job, ...]


class Say(msgspec.Struct, frozen=True):
    """Say milestones on the way; one that was told already is not told twice."""

    facts: tuple[Milestone, ...]


class Hold(msgspec.Struct, frozen=True):
    """Say `Held` before the first effect that outlives this work. When the object is gone, the trigger ends instead."""


class DropJobs(msgspec.Struct, frozen=True):
    """Take back all jobs of this generation that nobody has in hand; who has one learns it from the facts."""


class Forget(msgspec.Struct, frozen=True):
    """Purge what was said of this uid: all of it, or of its generations below `before` but `keep`.

    No fact above `up_to` goes, the last sequence that was read: what was told since was weighed by nobody. The watcher
    alone may.
    """

    up_to: int
    before: int | None = None
    keep: int = 0


class Look(msgspec.Struct, frozen=True):
    """Read everything again: the world changed under our hands."""


RUNTIME_EFFECTS = (Ask, Say, Hold, DropJobs, Forget, Look)
RuntimeEffect = Ask | Say | Hold | DropJobs | Forget | Look
