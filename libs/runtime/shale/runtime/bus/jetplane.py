"""The plane over JetStream.

Facts are fenced, jobs are asked once, readings have one writer, ticks replace one another.
"""

import datetime as dt
import logging
import math
import time

import msgspec

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.envelope import CONTENT_TYPE, wrap
from shale.contracts.errors import Transient
from shale.contracts.facts import Gone, Held, Milestone, Progressed
from shale.contracts.jobs import Job
from shale.runtime.bus.clock import ServerClock, age_of
from shale.runtime.bus.connection import FENCE, FENCE_SUBJECT, HEARD, TTL, Bus
from shale.runtime.bus.generations import read_newest
from shale.runtime.bus.levels import TooMany, last_reading, read, read_fresh
from shale.runtime.bus.referrals import named, referrers
from shale.runtime.plane import Mark
from shale.runtime.told import Told

_HEADERS = {"Content-Type": CONTENT_TYPE}

log = logging.getLogger("shale.bus")


class JetPlane:
    """`shale.runtime.plane.Plane` over a real server; `service` is the source of what it says."""

    def __init__(self, bus: Bus, service: str) -> None:
        self.bus = bus
        self.service = service
        self.clock = ServerClock(bus, streams.TICKS.name)

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def told(self, about: About, sequence: int, *, asked: bool, readings: bool) -> Told | None:
        """Return the levels: jobs first, then facts, so that a part is always seen as asked, done or refused."""
        pending = await self._pending(about) if asked else frozenset[tuple[str, str]]()
        now = await read(self.bus, streams.NOW.name, (self._readings(about),)) if readings else None
        try:
            level = await read_fresh(self.bus, streams.FACTS.name, subjects.levels(about), sequence)
        except TooMany:
            level = await read_newest(self.bus, about, sequence)
        if level is None:
            return None
        progress = tuple(s.fact for s in now.said if isinstance(s.fact, Progressed)) if now else ()
        return Told(about=about, said=level.said, asked=pending, readings=progress, now=self.now(), up_to=level.up_to)

    async def say(self, fact: Milestone) -> int:
        """Publish a milestone under its fence: nothing on its own subject, nor where the job's other end would lie."""
        subject, fence = subjects.of_fact(fact), subjects.fence_of(fact)
        headers = {**_HEADERS, FENCE: "0"} | ({FENCE_SUBJECT: fence} if fence != subject else {})
        if isinstance(fact, Gone):
            headers[TTL] = str(streams.GONE_TTL)
        ack = await self.bus.publish(subject, wrap(fact, self.service, self.now()), headers)
        return ack.seq if ack else 0

    async def hold(self, held: Held) -> int | None:
        """Publish `Held`, fenced by the end of its uid.

        Its own subject is guarded by the stream's limit per subject.
        """
        gone = subjects.of_gone(held.about.uid)
        headers = {**_HEADERS, FENCE: "0", FENCE_SUBJECT: gone}
        ack = await self.bus.publish(subjects.of_fact(held), wrap(held, self.service, self.now()), headers)
        if ack:
            return ack.seq
        level = await read(self.bus, streams.FACTS.name, (gone, subjects.of_fact(held)))
        if any(isinstance(said.fact, Gone) for said in level.said):
            return None
        if not level.said:
            raise Transient(f"{subjects.of_fact(held)} was refused, and no reason for it is readable yet")
        return max(said.sequence for said in level.said)

    async def ask(self, job: Job) -> None:
        """Publish a job; the stream refuses a second one on its subject, also while a worker has it in hand."""
        await self.bus.publish(subjects.of_job(job), wrap(job, self.service, self.now()), dict(_HEADERS))

    async def drop_jobs(self, about: About) -> None:
        """Purge the jobs of one generation."""
        await self._purge(streams.JOBS.name, subjects.pending(about))

    async def forget(self, about: About, up_to: int, *, before: int | None = None, keep: int = 0) -> None:
        """Purge jobs, readings and facts of a uid, or of its older generations; of facts those that were read.

        Jobs and readings go whole: who asked or reported late of what is over is told so by the facts.
        """
        for stream, plane in ((streams.JOBS.name, "job"), (streams.NOW.name, "now"), (streams.FACTS.name, "fact")):
            for chosen in await self._chosen(stream, plane, about, before, keep):
                await self._purge(stream, chosen, up_to if plane == "fact" else None)

    async def last(self, about: About, part: str) -> Mark:
        """Return the last `Progressed` of one part; of one that says Working, for how long it has."""
        subject = subjects.of_fact(Progressed(about, part, "Waiting"))
        reading, revision = await last_reading(self.bus, streams.NOW.name, subject)
        if reading is None or reading.state != "Working":
            return Mark(reading, revision)
        return Mark(reading, revision, await age_of(self.bus, streams.NOW.name, revision))

    async def report(self, progressed: Progressed, after: int) -> int | None:
        """Replace the reading of revision `after`."""
        headers = {**_HEADERS, FENCE: str(after)}
        payload = wrap(progressed, self.service, self.now(), seq=after + 1)
        ack = await self.bus.publish(subjects.of_fact(progressed), payload, headers)
        return ack.seq if ack else None

    async def arm(self, service: str, about: About, at: float) -> None:
        """Wake `service` at `at`, rounded up to whole seconds; arming again replaces.

        Nothing is remembered here: another process may have replaced the tick since, or the bus may be another one. The
        server goes by its own clock: were `at` in its past it would wake us at once, and again, and again.
        """
        tick = subjects.of_tick(service, about)
        when = dt.datetime.fromtimestamp(math.ceil(at + await self.clock.ahead(self.now())), dt.UTC)
        headers = {"Nats-Schedule": f"@at {when:%Y-%m-%dT%H:%M:%SZ}", "Nats-Schedule-Target": tick}
        await self.bus.publish(subjects.armed(tick), msgspec.json.encode(about), headers)

    async def wake(self, service: str, about: About, heard: int) -> None:
        """Wake `service` now."""
        payload = msgspec.json.encode(about)
        await self.bus.publish(subjects.of_tick(service, about), payload, {HEARD: str(heard)})

    async def named(self, kind: str, namespace: str, name: str) -> About | None:
        """Return who bears a name: the newest that was declared and is not gone."""
        return await named(self.bus, kind, namespace, name)

    async def referrers(self, kinds: tuple[str, ...], about: About) -> tuple[About, ...]:
        """Return the objects of these kinds in the same namespace whose newest wish names `about`."""
        return await referrers(self.bus, kinds, about)

    async def _pending(self, about: About) -> frozenset[tuple[str, str]]:
        info = await self._info(streams.JOBS.name, subjects.pending(about))
        return frozenset(filter(None, map(_asked, info)))

    async def _info(self, stream: str, subject: str) -> dict[str, int]:
        """Return the subjects of a stream under a filter; the leader answers. Raises Transient."""
        answer = await self.bus.api(f"STREAM.INFO.{stream}", {"subjects_filter": subject})
        if "error" in answer:
            raise Transient(f"{stream}: {answer['error'].get('description')}")
        return answer["state"].get("subjects") or {}

    async def _chosen(self, stream: str, plane: str, about: About, before: int | None, keep: int) -> list[str]:
        uid = subjects.token(about.uid)
        prefix = f"shale.job.*.*.{uid}" if plane == "job" else f"shale.{plane}.*.*.*.{uid}"
        if before is None:
            return [f"{prefix}.>"]
        depth = prefix.count(".") + 1
        there = {subject.split(".")[depth] for subject in await self._info(stream, f"{prefix}.>")}
        older = sorted(number for number in map(subjects.generation, there) if number is not None and number < before)
        return [f"{prefix}.{number}.>" for number in older if number not in {0, keep}]

    async def _purge(self, stream: str, chosen: str, up_to: int | None = None) -> None:
        """Purge what lies under a filter, up to and with a sequence; the server's `seq` is the first one that stays."""
        bound = {} if up_to is None else {"seq": up_to + 1}
        answer = await self.bus.api(f"STREAM.PURGE.{stream}", {"filter": chosen, **bound})
        if "error" in answer:
            raise Transient(f"purging {chosen}: {answer['error'].get('description')}")

    @staticmethod
    def _readings(about: About) -> str:
        return subjects.of_fact(Progressed(about, "x", "Waiting")).removesuffix(".progressed.x") + ".>"


def _asked(subject: str) -> tuple[str, str] | None:
    """Return what a job's subject asks for; what nobody of ours asked is skipped, or it would hide all the others."""
    try:
        return subjects.asked(subject)
    except subjects.SubjectError as error:
        log.warning("undecodable", extra={"subject": subject, "error": str(error)})
        return None
