"""Which safetensors files of a model belong together, as loaders see it."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from shale.weights import index
from shale.weights.index import Index
from shale.weights.safetensors import Header, Tensor

LONE: Final = ("model", "diffusion_pytorch_model")
"""Stems of files that a loader takes alone and looks for as an index otherwise (transformers, diffusers)."""
SUFFIX: Final = ".safetensors"
_FORMAT: Final = re.compile(r"[a-z0-9]{1,16}")


class Untileable(msgspec.Struct, frozen=True):
    """No tiles can be made; `message` says which file, why, and the way out."""

    reason: str
    message: str


class Checkpoint(msgspec.Struct, frozen=True):
    """Files that one index names, or one file alone: paths relative to the model's root, shards in path order."""

    folder: str
    stem: str
    shards: tuple[str, ...]
    index: Index
    indexed: bool

    @property
    def index_path(self) -> str:
        """Where its index lies, or will."""
        return _in(self.folder, self.stem + index.SUFFIX)


def find(paths: Iterable[str], indexes: Mapping[str, bytes]) -> tuple[Checkpoint, ...] | Untileable:
    """Return the checkpoints among all `paths`, by path; `indexes` holds what lies in the files `*{index.SUFFIX}`.

    Other safetensors files (adapters, a lone file beside an index of its own stem) are none and stay whole.
    """
    here = set(paths)
    found: list[Checkpoint] = []
    owner: dict[str, str] = {}
    for path in sorted(indexes):
        named = _indexed(path, indexes[path], here)
        if isinstance(named, Untileable):
            return named
        for shard in named.shards:
            if (first := owner.setdefault(shard, path)) != path:
                return Untileable("SharedShard", f"{shard} stands in {first} and in {path}: {_OUT}")
        found.append(named)
    for path in sorted(here - owner.keys()):
        folder, name = _parted(path)
        stem = name.removesuffix(SUFFIX)
        if name.endswith(SUFFIX) and stem in LONE and _in(folder, stem + index.SUFFIX) not in here:
            found.append(Checkpoint(folder, stem, (path,), index.NONE, indexed=False))
    return tuple(sorted(found, key=lambda checkpoint: checkpoint.index_path))


def tensors(checkpoint: Checkpoint, headers: Mapping[str, Header]) -> tuple[Tensor, ...] | Untileable:
    """Return all tensors by name, or why the shards do not add up to what the index says."""
    held: dict[str, tuple[str, Tensor]] = {}
    for shard in checkpoint.shards:
        for tensor in headers[shard].tensors:
            first, _ = held.setdefault(tensor.name, (shard, tensor))
            if first != shard:
                return Untileable(
                    "TensorTwice",
                    f"{tensor.name[:80]!r} lies in {first} and in {shard}; loaders differ in which they take: {_OUT}",
                )
    for name, file in checkpoint.index.weight_map.items():
        shard = _in(checkpoint.folder, file)
        if name not in held or held[name][0] != shard:
            return Untileable(
                "IndexWrong", f"{checkpoint.index_path} names {name[:80]!r} in {file}, which does not hold it: {_OUT}"
            )
    return tuple(tensor for _, (_, tensor) in sorted(held.items()))


def format_of(checkpoint: Checkpoint, headers: Mapping[str, Header]) -> dict[str, str]:
    """Return the metadata of every tile: the `format` (pt, mlx, ...) that loaders ask for, if the shards agree on one.

    Nothing else may stand there: a tile's bytes are its tensors'.
    """
    told = {headers[shard].metadata.get("format", "") for shard in checkpoint.shards} - {""}
    agreed = told.pop() if len(told) == 1 else ""
    return {"format": agreed} if _FORMAT.fullmatch(agreed) else {}


def _indexed(path: str, data: bytes, here: set[str]) -> Checkpoint | Untileable:
    folder, name = _parted(path)
    found = index.parse(data)
    if isinstance(found, str):
        return Untileable("IndexWrong", f"{path}: {found}; {_OUT}")
    shards = sorted({_in(folder, file) for file in found.weight_map.values()})
    if missing := [shard for shard in shards if shard not in here]:
        return Untileable("ShardMissing", f"{path} names {missing[0]}, which is not there: {_OUT}")
    return Checkpoint(folder, name.removesuffix(index.SUFFIX), tuple(shards), found, indexed=True)


def _parted(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, name


def _in(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


_OUT = "mend it, or choose layout: files"
