"""Small checkpoints for tests: valid safetensors files of whatever tensors."""

import random
from collections.abc import Iterable, Mapping

from shale.weights import safetensors
from shale.weights.safetensors import Tensor


def checkpoint(tensors: Mapping[str, bytes], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a safetensors file of these tensors, each a row of bytes."""
    placed = safetensors.arrange([Tensor(name, "U8", (len(data),), 0, len(data)) for name, data in tensors.items()])
    return safetensors.write(placed, dict(metadata or {})) + b"".join(tensors[one.name] for one in placed)


def random_tensors(names: Iterable[str], size: int, seed: int = 0) -> dict[str, bytes]:
    """Return tensors of `size` bytes each, the same for the same name and seed."""
    return {name: random.Random(f"{seed} {name}").randbytes(size) for name in names}  # noqa: S311 (test data)
