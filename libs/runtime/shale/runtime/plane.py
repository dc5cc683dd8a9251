"""The bus as the loop sees it: a Protocol, so that the loop is driven by the real one and by a simulator alike."""

from typing import Protocol

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import Held, Milestone, Progressed
from shale.contracts.jobs import Job
from shale.runtime.told import Told


class Ack(msgspec.Struct, frozen=True):
    """The trigger is settled."""


class Nak(msgspec.Struct, frozen=True):
    """The trigger comes again after `delay` seconds; with `why`, a copy of it goes to the dead letters, once."""

    delay: float
    why: str = ""


class Term(msgspec.Struct, frozen=True):
    """The trigger is given up; with `why`, a copy of it goes to the dead letters."""

    why: str = ""


class Leave(msgspec.Struct, frozen=True):
    """Somebody else has the trigger: say neither ack nor nak."""


Answer = Ack | Nak | Term | Leave


class Mark(msgspec.Struct, frozen=True):
    """The last reading of one part, and the revision to name when replacing it (0: none yet)."""

    reading: Progressed | None = None
    revision: int = 0
    age: float = 0
    """Seconds since a Working was said, by the server's clock."""


class Plane(Protocol):
    """What the loop does to the bus. Every method raises Transient when the bus does not answer in time."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...

    async def told(self, about: About, sequence: int, *, asked: bool, readings: bool) -> Told | None:
        """Return the levels, jobs read before facts, not older than `sequence`.

        None when that fact was purged since.
        """
        ...

    async def say(self, fact: Milestone) -> int:
        """Publish a milestone under its fence; return its sequence, 0 when it was told already (first told wins)."""
        ...

    async def hold(self, held: Held) -> int | None:
        """Publish `Held` unless the object is gone (None); return its sequence, 0 when it was held already."""
        ...

    async def ask(self, job: Job) -> None:
        """Publish a job unless it is asked already."""
        ...

    async def drop_jobs(self, about: About) -> None:
        """Take back the jobs of one generation."""
        ...

    async def forget(self, about: About, up_to: int, *, before: int | None = None, keep: int = 0) -> None:
        """Purge what was said of a uid, or of its generations below `before` but `keep`; no fact above `up_to`."""
        ...

    async def last(self, about: About, part: str) -> Mark:
        """Return the last `Progressed` of one part."""
        ...

    async def report(self, progressed: Progressed, after: int) -> int | None:
        """Replace the reading of revision `after`; return the new revision, None when another one was there."""
        ...

    async def arm(self, service: str, about: About, at: float) -> None:
        """Wake `service` for this object at `at`; arming again replaces."""
        ...

    async def wake(self, service: str, about: About, heard: int) -> None:
        """Wake `service` for this object now, by the fact of another one that has the sequence `heard`."""
        ...

    async def named(self, kind: str, namespace: str, name: str) -> About | None:
        """Return who bears a name: the newest that was declared and is not gone."""
        ...

    async def referrers(self, kinds: tuple[str, ...], about: About) -> tuple[About, ...]:
        """Return the objects of these kinds in the same namespace whose newest wish names `about`."""
        ...
