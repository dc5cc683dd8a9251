"""A folder's layers into a repository, by the code of the services, in a few threads of this process."""

import time
from typing import Literal

import msgspec

from shale.builder_sync.pack import hashes_first, pack_layer
from shale.builder_sync.results import Listed, Refusal, Stall
from shale.cli import work
from shale.cli.exits import CliError, usage
from shale.cli.journal import Journal
from shale.cli.places import Place
from shale.cli.progress import Count, steps
from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.jobs import PackLayer
from shale.oci import plan, tarball
from shale.oci.limits import Limits
from shale.oci.manifest import title
from shale.oci.plan import Unplannable
from shale.runtime.beat import Beat
from shale.sources.source import Source

How = Literal["new", "reused", "mounted"]
Key = tuple[str, int]
"""A layer's name and its size as a blob; of a small one 0, which is not known before it is read."""

NOBODY = About("modelversion", "", "", "", 0)
"""Who the jobs are for: no object."""


class Before(msgspec.Struct, frozen=True):
    """A version before: its layers' keys and digests, and the repository of this registry where they lie.

    The latter is empty where it is the same, or another registry's.
    """

    layers: tuple[tuple[Key, str], ...] = ()
    repo: str = ""

    def find(self, layer: Layer) -> str:
        """Return the digest of the layer that has the same key; nothing where none has."""
        wanted = key(layer)
        return next((digest for one, digest in self.layers if one == wanted), "")


class Packed(msgspec.Struct, frozen=True):
    """One layer that is there, what became of it, and in how many seconds."""

    layer: PackedLayer
    how: How
    seconds: float


def planned(layout: str, listed: Listed, limits: Limits) -> tuple[Layer, ...]:
    """Return the layers of a layout, in their order in the image. Raises CliError when there is no plan."""
    if layout != "files":
        raise usage(f"--layout {layout} is not there yet: leave it out, or say --layout files")
    match plan.plan_layers(listed.files, listed.small, limits):
        case Unplannable(reason, message):
            raise CliError(f"{reason}: {message}")
        case layers:
            return layers


def key(layer: Layer) -> Key:
    """Return what a layer has in common with the same one of a version before."""
    name = title(layer.name, "weight" if layer.files else "small", len(layer.files))
    return name, tarball.size(plan.entries(layer.files), root=layer.root) if layer.files else 0


class Packer(msgspec.Struct, frozen=True):
    """Who packs: from where, into where, what is known, and whom it tells how many more bytes are done."""

    source: Source
    there: Place
    globs: tuple[str, str]
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
        job = PackLayer(NOBODY, layer.part, self.source.uri, self.there.repo, layer, *self.globs)
        mounted = self._mounted(layer)
        done = self._done(job)
        how: How = "new" if not done.reused else "mounted" if done.digest == mounted else "reused"
        if how == "new":
            self.journal.sent(layer)
        return Packed(done, how, round(time.monotonic() - began, 3))

    def _mounted(self, layer: Layer) -> str:
        """Have the blob that the layer may turn out to be; return its digest, empty where it was here or is nowhere.

        One that it is not after all is named by nobody here, and collected with whatever else is not.
        """
        registry, repo = self.there.registry, self.there.repo
        digest = self.before.find(layer) if self.before.repo and layer.files else ""
        if not digest or registry.has(repo, digest) is not None:
            return ""
        return digest if registry.mount(repo, digest, self.before.repo) else ""

    def _done(self, job: PackLayer) -> PackedLayer:
        """Hash first what is likely to be there, and small layers, which cost nothing; stream the rest."""
        layer = job.layer
        first = hashes_first(layer) or bool(self.before.find(layer)) or self.journal.knows(layer)
        match pack_layer(job, self.source, self.there.registry, steps(self._moved), hash_first=first):
            case PackedLayer() as packed:
                return packed
            case Refusal(reason, message) | Stall(reason, message):
                raise CliError(f"{reason}: {message}")

    def _moved(self, more: int) -> None:
        self.beat.heed()
        self.count(more)
