"""A folder with a model in shards, packed with layout `tensors` into a registry that is a folder: no service runs."""

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path

from shale.builder_sync.cutting import Cutter
from shale.builder_sync.pack import pack_layer, scan_source
from shale.builder_sync.results import Listed, Refusal, Stall
from shale.contracts.about import About
from shale.contracts.artifact import PackedLayer
from shale.contracts.jobs import PackLayer
from shale.oci import plan
from shale.oci.layout import Layout
from shale.oci.limits import Limits
from shale.oci.registry import unheard
from shale.oci.unpack import unpack
from shale.sources import roots
from shale.sources.schemes import open_source
from shale.sources.source import Unscannable
from shale.testkit import shards
from shale.testkit.checkpoints import tensor
from shale.weights.safetensors import Tensor

REPO, URI = "team/llama", "file:///models/llama"
ABOUT = About("modelversion", "team", "mv-1", "uid", 1)
LIMITS = Limits("a registry")
WIDE, BLOCKS = 4_500_000, 4


def model(blocks: int = BLOCKS) -> list[Tensor]:
    """Return tensors of two kinds that are worth a layer each, and of some that are not: tied, empty, of experts."""
    found = [tensor("model.embed_tokens.weight", 1000), tensor("model.norm.weight", 8), tensor("model.none", 0, 7)]
    for block in range(blocks):
        at = f"model.layers.{block}"
        found += [
            tensor(f"{at}.mlp.up_proj.weight", WIDE, dtype="I8"),
            tensor(f"{at}.self_attn.q_proj.weight", WIDE // 2, dtype="F16"),
            tensor(f"{at}.input_layernorm.weight", 16, dtype="F32"),
            tensor(f"{at}.block_sparse_moe.experts.1.w2.weight", 3, 5),
        ]
    return found


def dealt(tensors: Sequence[Tensor], into: int) -> list[Sequence[Tensor]]:
    """Return the tensors in so many shards."""
    return [tensors[at::into] for at in range(into)]


class TensorWorld:
    """A folder with a model, and a registry."""

    def __init__(self, path: Path) -> None:
        self.folder, self.top = path / "models" / "llama", path
        self.folder.mkdir(parents=True)
        self.registry = Layout(path / "registry")
        self._written = count(1)
        source = open_source(URI, roots.parse(f"/models={path}/models"))
        if isinstance(source, Unscannable):
            raise TypeError(source.message)
        self.source = source
        self.cutter = Cutter()

    def deal(self, tensors: Sequence[Tensor], into: int, seeds: Mapping[str, int] | None = None) -> dict[str, bytes]:
        """Have a checkpoint of so many shards lie there, and no other; return its files."""
        for old in self.folder.glob("model*.safetensors*"):
            old.unlink()
        return shards.write(self.folder, dealt(tensors, into), seeds)

    def write(self, name: str, data: bytes) -> None:
        """Write a file at a time of its own."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)
        second = next(self._written) * 10**9
        os.utime(self.folder / name, ns=(second, second))

    def scan(self, limits: Limits = LIMITS) -> Listed | Stall:
        """List the folder, cut for a registry."""
        return scan_source(self.source, tensors=limits)

    def jobs(self, limits: Limits = LIMITS) -> list[PackLayer]:
        """Return the jobs that image-builder would ask for."""
        found = self.scan(limits)
        if isinstance(found, Stall):
            raise TypeError(found.message)
        tiles = [tile for one in found.checkpoints for tile in one.tiles]
        layers = plan.plan_layers(found.files, found.small, limits, tiles)
        if isinstance(layers, plan.Unplannable):
            raise TypeError(layers.message)
        return [
            PackLayer(ABOUT, one.part, URI, REPO, one, checkpoints=plan.cut_from(one, found.checkpoints))
            for one in layers
        ]

    def pack(self, job: PackLayer, moved: Callable[[int], None] = unheard) -> PackedLayer | Refusal | Stall:
        """Pack one layer, as a worker that keeps the headers."""
        return pack_layer(job, self.source, self.registry, moved, cutter=self.cutter, hash_first=False)

    def packed(self, limits: Limits = LIMITS) -> dict[str, PackedLayer]:
        """Pack all layers; return them by name, in their order."""
        found: dict[str, PackedLayer] = {}
        for job in self.jobs(limits):
            packed = self.pack(job)
            if not isinstance(packed, PackedLayer):
                raise TypeError(packed.message)
            found[packed.name] = packed
        return found

    def unpacked(self, layers: Mapping[str, PackedLayer], out: Path) -> Path:
        """Unpack the layers into a folder."""
        for layer in layers.values():
            unpack(self.registry.pull(REPO, layer.digest) or iter(()), out)
        return out
