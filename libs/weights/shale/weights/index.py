"""`<stem>.safetensors.index.json`: which file of a folder holds which tensor."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from shale.weights.safetensors import Tensor

SUFFIX: Final = ".safetensors.index.json"
MOST: Final = 64 * 2**20
"""Bytes of an index at most: over 500,000 tensors."""

_FILE = re.compile(r"[^/\\\0]+\.safetensors")


class Index(msgspec.Struct, frozen=True):
    """An index as it was found: the file of each tensor, and all else that it says."""

    weight_map: dict[str, str]
    metadata: dict[str, Any]
    others: dict[str, Any]


NONE: Final = Index({}, {}, {})
"""Of a checkpoint that is one file and had none."""


def parse(data: bytes) -> Index | str:
    """Read an index, or say what is wrong with it."""
    if len(data) > MOST:
        return f"it has {len(data)} bytes; at most {MOST} are read"
    try:
        document = msgspec.json.decode(data, type=dict[str, Any])
        found = msgspec.convert(
            {
                "weight_map": document.pop("weight_map", None),
                "metadata": document.pop("metadata", None) or {},
                "others": document,
            },
            Index,
        )
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        return f"it is no index of safetensors: {error}"
    if not found.weight_map:
        return "it names no tensor"
    for file in found.weight_map.values():
        if not _FILE.fullmatch(file) or file.startswith("."):
            return f"{file[:80]!r} is no safetensors file of the same folder"
    return found


def write(original: Index, files: Mapping[str, Sequence[Tensor]]) -> bytes:
    """Return the index over these files, in the one encoding; what the original said besides is kept.

    It names what the original named: tensors that no loader was told of stay unnamed.
    """
    weight_map = {
        tensor.name: file
        for file, tensors in files.items()
        for tensor in tensors
        if not original.weight_map or tensor.name in original.weight_map
    }
    total = sum(tensor.size for tensors in files.values() for tensor in tensors)
    document = {
        **original.others,
        "metadata": {**original.metadata, "total_size": total},
        "weight_map": weight_map,
    }
    return msgspec.json.encode(document, order="sorted")
