"""builder-sync: the workers. What they know lies in the job and in the index, what they find out in its milestone.

Many of them take one queue.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

import msgspec

from shale.builder_sync import find, known
from shale.builder_sync.card import CARD
from shale.builder_sync.cutting import Cutter
from shale.builder_sync.decide import Effect, Find, Pack, Seen, decide
from shale.builder_sync.flight import Flight
from shale.builder_sync.index import Index
from shale.builder_sync.known import Blob, Known
from shale.builder_sync.pack import Keeping, pack_layer, packed, read, scan_source
from shale.builder_sync.places import WORTH, Bucket, Keeper, Mark, keyed
from shale.builder_sync.previous import Previous
from shale.builder_sync.results import AT_A_REGISTRY, Listed, Refusal, Stall
from shale.builder_sync.threads import Threads
from shale.contracts.about import About
from shale.contracts.artifact import PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.facts import Released
from shale.contracts.jobs import JOBS, PackLayer, ScanArtifact
from shale.oci.limits import Limits
from shale.oci.refusal import NoAccess, Refused
from shale.oci.registry import Pushed, Registry
from shale.oci.tarball import Entry
from shale.registries.target import Opener, Target
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision
from shale.runtime.service import Trigger
from shale.runtime.telemetry import packed_by
from shale.runtime.told import Told
from shale.sources.reader.source import Readers
from shale.sources.roots import Roots
from shale.sources.schemes import open_source
from shale.sources.source import SourceChangedError, UnreadableError, Unscannable

Result = Listed | PackedLayer | Refusal | Stall
T = TypeVar("T")
IDENTIFY = 10.0
"""Seconds in which a source tells what names its files: whoever takes longer is read."""

log = logging.getLogger("shale.builder-sync")


class BuilderSync:
    """The card and its three functions, over two doors: the sources below the roots, and the registries."""

    card = CARD

    def __init__(
        self,
        roots: Roots,
        registries: Opener,
        readers: Readers | None = None,
        places: Bucket | None = None,
        index: Index | None = None,
    ) -> None:
        """With a bucket for `places`, uploads are taken up where another worker left them.

        With an `index`, what is known by content is not read again.
        """
        self.roots, self.registries, self.readers, self.places, self.index = roots, registries, readers, places, index
        self._cutter, self._threads, self._previous = Cutter(), Threads(), Previous()

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Return what is known of a layer. Nothing came of the job yet: had something, nobody would have asked."""
        if self.index is None or not isinstance(trigger, PackLayer):
            return Seen(now=told.now)
        named = Known(await self._named(trigger), known.settled(trigger, told.now))
        return Seen(now=told.now, known=await self.index.ask(trigger, self.registries.host(trigger.repo), named))

    def decide(self, trigger: Trigger, seen: Seen) -> Decision:
        """Return the next step."""
        if not isinstance(trigger, JOBS):
            raise TypeError(f"{self.card.name} takes jobs, not {type(trigger).__name__}")
        return decide(trigger, seen)

    async def perform(self, effect: Effect, seen: Seen, beat: Beat) -> Seen:
        """Do it in a thread, and let the index know."""
        match effect:
            case ScanArtifact():
                return msgspec.structs.replace(seen, result=await self._threads.run(self._scan, effect, beat))
            case Find(job, blob, places):
                return await self._find(job, blob, places, seen, beat)
            case Pack(job):
                return await self._pack(effect, job, seen, beat)

    async def _find(self, job: PackLayer, blob: Blob, places: tuple[str, ...], seen: Seen, beat: Beat) -> Seen:
        elsewhere = self._elsewhere(job, places, beat)

        def found(registry: Registry) -> str:
            beat.moved(0)
            if blob.size != known.size(job):
                return ""
            there = find.is_there(registry, job.repo, blob)
            if not there and not find.is_mounted(registry, job.repo, blob, elsewhere):
                return ""
            return ("index" if there else "mount") if self._agrees(registry, job, blob, beat) else ""

        how = await self._threads.run(self._at, job, beat, found)
        if isinstance(how, Stall):
            return msgspec.structs.replace(seen, result=how)
        if not how:
            return msgspec.structs.replace(seen, sought=True)
        if self.index is not None:
            await self.index.lies(job, self.registries.host(job.repo), blob.digest)
        there = packed(job.layer, Pushed(blob.digest, blob.size), reused=True)
        tabled = msgspec.structs.replace(there, table=blob.table, table_size=blob.table_size)
        return msgspec.structs.replace(seen, result=_told(job, tabled, how))

    def _agrees(self, registry: Registry, job: PackLayer, blob: Blob, beat: Beat) -> bool:
        """Hold what was found against the source; what is wrong with that, reading it shows."""
        source = open_source(job.uri, self.roots, self.readers, job.title)
        if isinstance(source, Unscannable):
            return False
        try:
            body = read(job, source, self._cutter, lambda: beat.moved(0))
            return not isinstance(body, (Refusal, Stall)) and find.agrees(registry, job, blob, body)
        except (SourceChangedError, UnreadableError):
            return False

    async def _pack(self, effect: Pack, job: PackLayer, seen: Seen, beat: Beat) -> Seen:
        if self.index is None:
            return msgspec.structs.replace(seen, result=await self._packed(effect, beat))
        host = self.registries.host(job.repo)
        async with Flight(self.index, self.index.flight(host, seen.known), job, seen.now).held(beat) as other:
            if other is not None:
                return msgspec.structs.replace(seen, known=msgspec.structs.replace(seen.known, busy=other))
            result = await self._packed(effect, beat)
            if isinstance(result, PackedLayer):
                await self.index.learn(
                    job, host, seen.known, Blob(result.digest, result.size, result.table, result.table_size)
                )
        return msgspec.structs.replace(seen, result=result)

    async def _packed(self, effect: Pack, beat: Beat) -> Result:
        loop = asyncio.get_running_loop()

        def keeping(job: PackLayer, entries: tuple[Entry, ...]) -> Keeper | None:
            if self.places is None or job.layer.size < WORTH:
                return None
            seal = self.index.seal if self.index else None
            return Keeper(Mark(self.places, keyed(job, entries), seal), loop, lambda: beat.cause != "over")

        mounted: list[Pushed] = []
        result = await self._threads.run(self._read, effect, beat, keeping, mounted.append)
        if isinstance(result, PackedLayer):
            return _told(effect.job, result, "mount" if mounted else "HEAD" if result.reused else "sent")
        return result

    def _elsewhere(self, job: PackLayer, places: tuple[str, ...], beat: Beat) -> tuple[find.Place, ...]:
        told = None if self.registries.host(job.repo) else beat.moved
        return tuple(find.Place(repo, told) for repo in places)

    async def _named(self, job: PackLayer) -> str:
        """Return what names the layer's bytes, as far as its source tells it in time; what is wrong, reading shows."""
        try:
            async with asyncio.timeout(IDENTIFY):
                return await self._threads.run(self._names, job)
        except (TimeoutError, Transient, SourceChangedError, UnreadableError, OSError):
            return ""

    def _names(self, job: PackLayer) -> str:
        source = open_source(job.uri, self.roots, self.readers, job.title)
        if isinstance(source, Unscannable):
            return ""
        contents = (known.content(file) for file in known.read_of(job))
        return known.named(job, {content.path: source.volume(content) for content in contents})

    def _scan(self, job: ScanArtifact, beat: Beat) -> Listed | Stall:
        source = open_source(job.uri, self.roots, self.readers, job.title)
        if isinstance(source, Unscannable):
            return Stall(source.reason, source.message)
        return scan_source(source, job.include, job.exclude, lambda: beat.moved(0), limits(job))

    def _read(self, effect: Pack, beat: Beat, keeping: Keeping, note: Callable[[Pushed], None]) -> Result:
        job, first = effect.job, effect.hash_first
        source = open_source(job.uri, self.roots, self.readers, job.title)
        if isinstance(source, Unscannable):
            return Stall(source.reason, source.message)

        places = self._elsewhere(job, effect.places, beat)

        def packed_at(registry: Registry) -> Result:
            def elsewhere(known: Pushed) -> bool:
                mounted = find.is_mounted(registry, job.repo, Blob(known.digest, known.size), places)
                if mounted:
                    note(known)
                return mounted

            cutter = self._cutter
            hashed = first or (effect.may_lie and self._previous.has(registry, job))
            return pack_layer(
                job, source, registry, beat.moved, keeping, cutter, hash_first=hashed, elsewhere=elsewhere
            )

        return self._at(job, beat, packed_at)

    def _at(self, job: PackLayer, beat: Beat, do: Callable[[Registry], T]) -> T | Stall:
        """Do something at the registry as the job's object names it, opened for this alone."""
        target = Target(job.repo, job.about.namespace, job.push_secret, job.registry)
        try:
            match self.registries.open(target, beat.pause):
                case NoAccess() as why:
                    return _kept_out(why)
                case registry:
                    return do(registry)
        except Refused as refused:
            return _kept_out(refused.why)

    async def release(self, about: About, told: Told) -> Released:
        """Hold nothing: an upload that was stopped took itself back, or is purged by its registry."""
        del told
        return Released(about.whole(), self.card.name)


def _told(job: PackLayer, layer: PackedLayer, how: str) -> PackedLayer:
    """Let people know how a layer came to be there."""
    packed_by(how)
    log.info("layer", extra={"known": how, "layer": layer.name, "bytes": layer.size, "about": str(job.about)})
    return layer


def limits(job: ScanArtifact) -> Limits | None:
    """Return what the registry takes that tiles are cut for; None when none are wanted."""
    if job.layout != "tensors":
        return None
    return Limits("the registry", job.max_layer_bytes, job.max_layers)


def _kept_out(why: NoAccess) -> Stall:
    return Stall(why.reason, why.message, AT_A_REGISTRY)
