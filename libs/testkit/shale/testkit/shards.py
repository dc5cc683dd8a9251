"""Safetensors files with data, made without the library that tests compare with."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random

import msgspec

from shale.weights import safetensors
from shale.weights.safetensors import Tensor

INDEX = "model.safetensors.index.json"


def data_of(tensor: Tensor, seed: int = 0) -> bytes:
    """Return bytes for a tensor: of its name, its size and the seed alone, and no two alike."""
    block = Random(f"{seed} {tensor.name}").randbytes(min(tensor.size, 1 << 16))  # noqa: S311 (test data)
    return block * (tensor.size // max(len(block), 1)) + block[: tensor.size % max(len(block), 1)]


def shard(tensors: Iterable[Tensor], seeds: Mapping[str, int] | None = None, **metadata: str) -> bytes:
    """Return a file of these tensors; the seeds of those that are named are not 0."""
    laid = safetensors.arrange(list(tensors))
    return safetensors.write(laid, metadata) + b"".join(data_of(one, (seeds or {}).get(one.name, 0)) for one in laid)


def write(folder: Path, shards: Iterable[Iterable[Tensor]], seeds: Mapping[str, int] | None = None) -> dict[str, bytes]:
    """Write a checkpoint of so many shards and its index into a folder; return the files by name."""
    groups = [list(one) for one in shards]
    names = [f"model-{number:05}-of-{len(groups):05}.safetensors" for number in range(1, len(groups) + 1)]
    files = {name: shard(group, seeds, format="pt") for name, group in zip(names, groups, strict=True)}
    where = {tensor.name: name for name, group in zip(names, groups, strict=True) for tensor in group}
    total = sum(tensor.size for group in groups for tensor in group)
    files[INDEX] = msgspec.json.format(
        msgspec.json.encode({"metadata": {"total_size": total}, "weight_map": where}), indent=2
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return files
