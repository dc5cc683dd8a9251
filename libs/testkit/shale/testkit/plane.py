"""The bus in memory: streams of what was published as it travels, a clock moved by hand, and the plane over them."""

import math
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import cast

import msgspec

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.envelope import Envelope, Message, unwrap, wrap
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Fact, Held, Milestone, Progressed
from shale.contracts.jobs import Job
from shale.contracts.resources import KINDS
from shale.runtime.plane import Mark
from shale.runtime.told import Said, Told
from shale.testkit.stream import SimStream, Stored

EPOCH = 1_800_000_000.0
"""When the clock of a simulated bus begins: any time will do, nothing is decided by it."""

decoded = lru_cache(maxsize=8192)(unwrap)
"""`unwrap`, remembered: a world reads the same message very often."""

Gate = Callable[[str], Awaitable[None]]
"""Awaited at each step of the bus, with the step's name: there a town takes turns, and there its power is cut."""


class _Armed(msgspec.Struct, frozen=True):
    at: float
    target: str
    about: About


class SimBus:
    """All streams of Shale, and the server's clock."""

    def __init__(self) -> None:
        self.facts, self.now, self.jobs = SimStream(streams.FACTS), SimStream(streams.NOW), SimStream(streams.JOBS)
        self.ticks = SimStream(streams.TICKS)
        self.dead: list[tuple[str, str]] = []
        """(subject, why) of what was given up."""
        self.ears: list[Callable[[Fact], None]] = []
        """Who hears every new milestone at once, as a plain subscription does."""
        self.clock = EPOCH
        self.reported: dict[str, float] = {}
        """When each reading was said, by the server's clock."""

    def stream(self, name: str) -> SimStream:
        """Return a stream by the name that contracts give it."""
        return {one.name: one for one in (self.facts, self.now, self.jobs, self.ticks)}[name]

    def publish_fact(self, fact: Milestone, data: bytes, expect: int = 0, fence: str = "") -> int | None:
        """Publish a milestone under a fence, and let everyone hear it."""
        sequence = self.facts.put(subjects.of_fact(fact), data, expect, fence)
        if sequence is not None:
            for ear in self.ears:
                ear(fact)
        return sequence

    def next_tick(self) -> float | None:
        """Return when the next armed tick is due."""
        return min((_armed(one).at for one in self._armed_ticks()), default=None)

    def advance(self, to: float) -> None:
        """Move the clock (never back), and fire what is due by then."""
        self.clock = max(self.clock, to)
        due = [one for one in self._armed_ticks() if _armed(one).at <= self.clock]
        self.ticks.drop(due)
        for one in due:
            self.ticks.put(_armed(one).target, msgspec.json.encode(_armed(one).about))

    def _armed_ticks(self) -> list[Stored]:
        return self.ticks.under(["shale.tick.*.*.*.armed"])


def _armed(one: Stored) -> _Armed:
    return msgspec.json.decode(one.data, type=_Armed)


async def _open(step: str) -> None:
    del step


class SimPlane:
    """`shale.runtime.plane.Plane` over a SimBus; `service` is the source of what it says."""

    def __init__(self, bus: SimBus, service: str, gate: Gate = _open) -> None:
        self.bus, self.service, self._gate = bus, service, gate

    def now(self) -> float:
        """Return the bus's clock, in seconds since the epoch."""
        return self.bus.clock

    async def told(self, about: About, sequence: int, *, asked: bool, readings: bool) -> Told | None:
        """Return the levels: jobs first, then facts; others may publish between the two, as on a real bus."""
        jobs: list[Stored] = []
        if asked:
            await self._gate("told jobs")
            jobs = self.bus.jobs.under([subjects.pending(about)])
        await self._gate("told")
        now = self.bus.now.under([_readings(about)]) if readings else []
        said = _said(self.bus.facts.under(subjects.levels(about)))
        if not said and sequence > 0:
            return self._unreadable(sequence)
        return Told(
            about=about,
            said=said,
            asked=frozenset(subjects.asked(one.subject) for one in jobs),
            readings=tuple(one.fact for one in _said(now) if isinstance(one.fact, Progressed)),
            now=self.now(),
            up_to=self.bus.facts.last,
        )

    async def say(self, fact: Milestone) -> int:
        """Publish a milestone under its fence: nothing on its own subject, nor where the job's other end would lie."""
        data = self._wrap(fact)
        await self._gate(f"say {type(fact).__name__}")
        sequence = self.bus.publish_fact(fact, data, 0, subjects.fence_of(fact))
        await self._gate(f"said {type(fact).__name__}")
        return sequence or 0

    async def hold(self, held: Held) -> int | None:
        """Publish `Held`, fenced by the end of its uid."""
        gone = subjects.of_gone(held.about.uid)
        data = self._wrap(held)
        await self._gate("hold")
        sequence = self.bus.publish_fact(held, data, 0, gone)
        await self._gate("held")
        if sequence is not None:
            return sequence
        return None if self.bus.facts.last_of(gone) else self.bus.facts.last_of(subjects.of_fact(held))

    async def ask(self, job: Job) -> None:
        """Publish a job; the stream refuses a second one on its subject, also while a worker has it in hand."""
        data = self._wrap(job)
        await self._gate("ask")
        self.bus.jobs.put(subjects.of_job(job), data)
        await self._gate("asked")

    async def drop_jobs(self, about: About) -> None:
        """Purge the jobs of one generation."""
        await self._gate("drop jobs")
        self.bus.jobs.drop(self.bus.jobs.under([subjects.pending(about)]))
        await self._gate("dropped jobs")

    async def forget(self, about: About, up_to: int, *, before: int | None = None, keep: int = 0) -> None:
        """Purge jobs, readings and facts, one stream after the other; with `before`, of older generations only."""
        for stream, prefix in ((self.bus.jobs, "job.*.*"), (self.bus.now, "now.*.*.*"), (self.bus.facts, "fact.*.*.*")):
            await self._gate("forget")
            uid = f"shale.{prefix}.{subjects.token(about.uid)}"
            read = (one for one in stream.under([f"{uid}.>"]) if one.sequence <= up_to or stream is not self.bus.facts)
            stream.drop(one for one in read if before is None or _is_older(one.subject, uid, before, keep))
        await self._gate("forgot")

    async def last(self, about: About, part: str) -> Mark:
        """Return the last `Progressed` of one part."""
        await self._gate("last")
        there = self.bus.now.under([subjects.of_fact(Progressed(about, part, "Waiting"))])
        if not there:
            return Mark()
        reading = decoded(there[0].data)[1]
        if not isinstance(reading, Progressed):
            return Mark(None, there[0].sequence)
        working = reading.state == "Working"
        age = self.bus.clock - self.bus.reported.get(there[0].subject, self.bus.clock) if working else 0
        return Mark(reading, there[0].sequence, age)

    async def report(self, progressed: Progressed, after: int) -> int | None:
        """Replace the reading of revision `after`."""
        data = self._wrap(progressed, after + 1)
        await self._gate(f"report {progressed.state}")
        subject = subjects.of_fact(progressed)
        if (revision := self.bus.now.put(subject, data, after)) is not None:
            self.bus.reported[subject] = self.bus.clock
        await self._gate(f"reported {progressed.state}")
        return revision

    async def arm(self, service: str, about: About, at: float) -> None:
        """Wake `service` at `at` (this host's time), rounded up to whole seconds; arming again replaces."""
        tick = subjects.of_tick(service, about)
        await self._gate("arm")
        armed = _Armed(float(math.ceil(self.bus.clock + at - self.now())), tick, about)
        self.bus.ticks.put(subjects.armed(tick), msgspec.json.encode(armed))
        await self._gate("armed")

    async def wake(self, service: str, about: About, heard: int) -> None:
        """Wake `service` now; a bus in memory is never behind what was `heard`."""
        del heard
        await self._gate("wake")
        self.bus.ticks.put(subjects.of_tick(service, about), msgspec.json.encode(about))
        await self._gate("woke")

    async def named(self, kind: str, namespace: str, name: str) -> About | None:
        """Return who bears a name: the newest that was declared and is not gone."""
        await self._gate("named")
        there = [said for said in self._wishes(kind, namespace, name) if not self._is_gone(said.fact.about)]
        return max(there, key=lambda said: said.sequence).fact.about if there else None

    async def referrers(self, kinds: tuple[str, ...], about: About) -> tuple[About, ...]:
        """Return the objects of these kinds in the same namespace whose newest wish names `about`."""
        await self._gate("referrers")
        wishes = [said.fact for kind in kinds for said in self._wishes(kind, about.namespace, "")]
        newest = {wish.about.uid: wish for wish in sorted(wishes, key=lambda wish: wish.about.generation)}.values()
        named_so = (about.kind, about.name)
        declared = (wish for wish in newest if isinstance(wish, Declared))
        return tuple(wish.about for wish in declared if named_so in KINDS[wish.about.kind].refers(wish.spec))

    def _wishes(self, kind: str, namespace: str, name: str) -> tuple[Said, ...]:
        return _said(self.bus.facts.under([subjects.wishes(kind, namespace, name)]))

    def _is_gone(self, about: About) -> bool:
        return self.bus.facts.last_of(subjects.of_gone(about.uid)) > 0

    def _wrap(self, message: Message, seq: int = 0) -> bytes:
        return wrap(message, self.service, self.now(), seq)

    def _unreadable(self, sequence: int) -> None:
        """Answer for a level that shows nothing: what woke us was purged, or is not this object's."""
        if self.bus.facts.at(sequence) is not None or sequence > self.bus.facts.last:
            raise Transient(f"{self.bus.facts.name} is behind: sequence {sequence} is not readable yet")


def _said(stored: Sequence[Stored]) -> tuple[Said, ...]:
    opened: list[tuple[Stored, Envelope, Message | None]] = [(one, *decoded(one.data)) for one in stored]
    return tuple(Said(cast("Fact", fact), one.sequence, env.time) for one, env, fact in opened if fact is not None)


def _readings(about: About) -> str:
    return subjects.of_fact(Progressed(about, "x", "Waiting")).removesuffix(".progressed.x") + ".>"


def _is_older(subject: str, uid: str, before: int, keep: int) -> bool:
    generation = int(subject.split(".")[uid.count(".") + 1])
    return 0 < generation < before and generation != keep
