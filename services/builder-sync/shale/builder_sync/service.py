"""builder-sync: the workers. What they know lies in the job, what they find out in its milestone.

Many of them take one queue.
"""

import asyncio

import msgspec

from shale.builder_sync.card import CARD
from shale.builder_sync.decide import Seen, decide
from shale.builder_sync.pack import Keeping, hashes_first, pack_layer, scan_source
from shale.builder_sync.places import WORTH, Bucket, Keeper, Mark, keyed
from shale.builder_sync.results import AT_A_REGISTRY, Listed, Refusal, Stall
from shale.contracts.about import About
from shale.contracts.artifact import PackedLayer
from shale.contracts.facts import Released
from shale.contracts.jobs import JOBS, Job, PackLayer, ScanArtifact
from shale.oci.refusal import NoAccess, Refused
from shale.oci.tarball import Entry
from shale.registries.target import Opener, Target
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision
from shale.runtime.service import Trigger
from shale.runtime.told import Told
from shale.sources.reader.source import Readers
from shale.sources.roots import Roots
from shale.sources.schemes import open_source
from shale.sources.source import Source, Unscannable

Result = Listed | PackedLayer | Refusal | Stall


class BuilderSync:
    """The card and its three functions, over two doors: the sources below the roots, and the registries."""

    card = CARD

    def __init__(
        self, roots: Roots, registries: Opener, readers: Readers | None = None, places: Bucket | None = None
    ) -> None:
        """With a bucket for `places`, uploads are taken up where another worker left them."""
        self.roots, self.registries, self.readers, self.places = roots, registries, readers, places

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Return that nothing came of the job yet: had something, the loop would not have asked."""
        del trigger
        return Seen(now=told.now)

    def decide(self, trigger: Trigger, seen: Seen) -> Decision:
        """Return the next step."""
        if not isinstance(trigger, JOBS):
            raise TypeError(f"{self.card.name} takes jobs, not {type(trigger).__name__}")
        return decide(trigger, seen)

    async def perform(self, effect: Job, seen: Seen, beat: Beat) -> Seen:
        """Do the job in a thread."""
        loop = asyncio.get_running_loop()

        def keeping(job: PackLayer, entries: tuple[Entry, ...]) -> Keeper | None:
            if self.places is None or job.layer.size < WORTH:
                return None
            return Keeper(Mark(self.places, keyed(job, entries)), loop, lambda: beat.cause != "over")

        return msgspec.structs.replace(seen, result=await asyncio.to_thread(self._do, effect, beat, keeping))

    def _do(self, job: Job, beat: Beat, keeping: Keeping) -> Result:
        source = open_source(job.uri, self.roots, self.readers)
        match source, job:
            case Unscannable(reason, message), _:
                return Stall(reason, message)
            case _, ScanArtifact():
                return scan_source(source, job.include, job.exclude, lambda: beat.moved(0))
            case _, PackLayer():
                return self._pack(job, source, beat, keeping)

    def _pack(self, job: PackLayer, source: Source, beat: Beat, keeping: Keeping) -> Result:
        """Pack with the registry as the job's object names it, opened for this job alone."""
        target = Target(job.repo, job.about.namespace, job.push_secret, job.registry)
        try:
            match self.registries.open(target, beat.pause):
                case NoAccess() as why:
                    return _kept_out(why)
                case registry:
                    first = hashes_first(job.layer)
                    return pack_layer(job, source, registry, beat.moved, keeping, hash_first=first)
        except Refused as refused:
            return _kept_out(refused.why)

    async def release(self, about: About, told: Told) -> Released:
        """Hold nothing: an upload that was stopped took itself back, or is purged by its registry."""
        del told
        return Released(about.whole(), self.card.name)


def _kept_out(why: NoAccess) -> Stall:
    return Stall(why.reason, why.message, AT_A_REGISTRY)
