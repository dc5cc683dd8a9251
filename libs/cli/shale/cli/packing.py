"""A folder's layers into a repository, by the code of the services, in a few threads of this process."""

import time
from typing import Literal

import msgspec

from shale.builder_sync.cutting import Cutter
from shale.builder_sync.known import Blob
from shale.builder_sync.pack import hashes_first, pack_layer
from shale.builder_sync.previous import Key, key
from shale.builder_sync.results import Listed, Refusal, Stall
from shale.cli import work
from shale.cli.exits import CliError
from shale.cli.journal import Journal
from shale.cli.places import Place
from shale.cli.progress import Count, steps
from shale.contracts.about import About
from shale.contracts.artifact import Checkpoint, Layer, PackedLayer
from shale.contracts.jobs import PackLayer
from shale.oci import plan
from shale.oci.limits import Limits
from shale.oci.plan import Unplannable
from shale.oci.registry import Pushed
from shale.runtime.beat import Beat
from shale.sources.source import Source

How = Literal["new", "reused", "mounted"]
NOBODY = About("modelversion", "", "", "", 0)
"""Who the jobs are for: no object."""


class Before(msgspec.Struct, frozen=True):
    """A version before: its layers by their keys, and the repository of this registry where they lie.

    The latter is empty where it is the same, or another registry's.
    """

    layers: tuple[tuple[Key, Blob], ...] = ()
    repo: str = ""

    def find(self, layer: Layer) -> Blob | None:
        """Return the layer that has the same key; None where none has."""
        wanted = key(layer)
        return next((blob for one, blob in self.layers if one == wanted), None)

    def digest(self, layer: Layer) -> str:
        """Return the digest of that layer; nothing where there is none."""
        return blob.digest if (blob := self.find(layer)) else ""


class Packed(msgspec.Struct, frozen=True):
    """One layer that is there, what became of it, and in how many seconds."""

    layer: PackedLayer
    how: How
    seconds: float


def planned(listed: Listed, limits: Limits) -> tuple[Layer, ...]:
    """Return the layers in their order in the image. Raises CliError when there is no plan."""
    tiles = [tile for one in listed.checkpoints for tile in one.tiles]
    match plan.plan_layers(listed.files, listed.small, limits, tiles):
        case Unplannable(reason, message):
            raise CliError(f"{reason}: {message}")
        case layers:
            return layers


def count(layer: Layer) -> int:
    """Return how many files a layer holds."""
    return layer.small.count if layer.small else len(layer.files) or int(layer.tile is not None)


class Packer(msgspec.Struct, frozen=True):
    """Who packs: from where, into where, what is known, and whom it tells how many more bytes are done."""

    source: Source
    there: Place
    globs: tuple[str, str]
    checkpoints: tuple[Checkpoint, ...]
    cutter: Cutter
    before: Before
    journal: Journal
    beat: Beat
    count: Count

    def pack(self, layers: tuple[Layer, ...]) -> list[Packed]:
        """Have all layers in the repository; return them in their order. Raises CliError, Transient."""
        largest = sorted(layers, key=lambda layer: (-layer.size, layer.part))
        packed = dict(zip(largest, work.each(self.beat, self._one, largest), strict=True))
        return [packed[layer] for layer in layers]

    def _one(self, layer: Layer) -> Packed:
        began = time.monotonic()
        cut = plan.cut_from(layer, self.checkpoints)
        job = PackLayer(NOBODY, layer.part, self.source.uri, self.there.repo, layer, *self.globs, checkpoints=cut)
        mounted: list[Pushed] = []
        done = self._done(job, mounted)
        how: How = "new" if not done.reused else "mounted" if mounted else "reused"
        if how == "new":
            self.journal.sent(layer)
        return Packed(done, how, round(time.monotonic() - began, 3))

    def _done(self, job: PackLayer, mounted: list[Pushed]) -> PackedLayer:
        """Hash first what is likely to be there, and small layers, which cost nothing; stream the rest."""
        layer, registry = job.layer, self.there.registry
        before = self.before.find(layer)
        first = hashes_first(layer) or before is not None or self.journal.knows(layer)

        def elsewhere(known: Pushed) -> bool:
            near = self.before.repo if before and before.digest == known.digest else ""
            if near and registry.mount(job.repo, known.digest, near):
                mounted.append(known)
            return bool(mounted)

        match pack_layer(
            job, self.source, registry, steps(self._moved), cutter=self.cutter,
            hash_first=first, elsewhere=elsewhere, before=before if before and before.table else None,
        ):  # fmt: skip
            case PackedLayer() as packed:
                return packed
            case Refusal(reason, message) | Stall(reason, message):
                raise CliError(f"{reason}: {message}")

    def _moved(self, more: int) -> None:
        self.beat.heed()
        self.count(more)
