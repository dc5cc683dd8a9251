"""builder-sync: the workers. What they know lies in the job, what they find out in its milestone.

Many of them take one queue.
"""

import asyncio

from shale.builder_sync.card import CARD
from shale.builder_sync.decide import Seen, decide
from shale.builder_sync.pack import pack_layer, scan_source
from shale.builder_sync.results import Listed, Refusal
from shale.contracts.about import About
from shale.contracts.artifact import PackedLayer
from shale.contracts.facts import Released
from shale.contracts.jobs import JOBS, Job, PackLayer, ScanArtifact
from shale.oci.registry import Registry
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision
from shale.runtime.service import Trigger
from shale.runtime.told import Told
from shale.sources.reader.source import Readers
from shale.sources.roots import Roots
from shale.sources.schemes import open_source
from shale.sources.source import Unscannable


class BuilderSync:
    """The card and its three functions, over two doors: the sources below the roots, and the registry."""

    card = CARD

    def __init__(self, roots: Roots, registry: Registry, readers: Readers | None = None) -> None:
        self.roots, self.registry, self.readers = roots, registry, readers

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Return that nothing came of the job yet: had something, the loop would not have asked."""
        del trigger, told
        return Seen()

    def decide(self, trigger: Trigger, seen: Seen) -> Decision:
        """Return the next step."""
        if not isinstance(trigger, JOBS):
            raise TypeError(f"{self.card.name} takes jobs, not {type(trigger).__name__}")
        return decide(trigger, seen)

    async def perform(self, effect: Job, seen: Seen, beat: Beat) -> Seen:
        """Do the job in a thread."""
        del seen
        return Seen(await asyncio.to_thread(self._do, effect, beat))

    def _do(self, job: Job, beat: Beat) -> Listed | PackedLayer | Refusal:
        source = open_source(job.uri, self.roots, self.readers)
        match source, job:
            case Unscannable(reason, message), _:
                return Refusal(reason, message)
            case _, ScanArtifact():
                return scan_source(source, job.include, job.exclude)
            case _, PackLayer():
                return pack_layer(job, source, self.registry, beat.moved)

    async def release(self, about: About, told: Told) -> Released:
        """Hold nothing: an upload that was stopped took itself back."""
        del told
        return Released(about.whole(), self.card.name)
