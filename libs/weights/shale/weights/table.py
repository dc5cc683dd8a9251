"""The tensor table of a layer: where in its blob each tensor lies and what it holds, so that a puller fetches ranges.

What no range covers (the tar's framing, the headers of the files) is small and always fetched; what is assembled from
a table is proven by the layer's own digest, so a table is a hint that is checked.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from shale.weights.safetensors import Header

MOST: Final = 64 * 2**20
"""Bytes of a table at most: some 250,000 tensors in one layer."""

_LAYER = re.compile(r"sha256:[0-9a-f]{64}")
_TENSOR = re.compile(r"blake3:[0-9a-f]{64}")


class Range(msgspec.Struct, frozen=True):
    """One tensor: `offset` and `length` in bytes within the layer's blob, `file` as it is unpacked, below `models/`.

    `digest` is `blake3:<64 hex>` over its bytes.
    """

    file: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int
    digest: str


class Table(msgspec.Struct, frozen=True):
    """The tensors of one layer by offset; `layer` is its blob's digest and `size` its bytes."""

    layer: str
    size: int
    tensors: tuple[Range, ...]


def ranges(file: str, begin: int, header: Header, digests: Sequence[str]) -> tuple[Range, ...]:
    """Return the ranges of a safetensors file whose first byte is the blob's byte `begin`; digests as its tensors."""
    data = begin + header.length
    return tuple(
        Range(file, tensor.name, tensor.dtype, tensor.shape, data + tensor.start, tensor.size, digest)
        for tensor, digest in zip(header.tensors, digests, strict=True)
    )


def build(layer: str, size: int, tensors: Iterable[Range]) -> Table:
    """Return the table of a layer. ValueError: its ranges overlap, leave the layer, or a digest is none."""
    table = Table(layer, size, tuple(sorted(tensors, key=_place)))
    if wrong := _wrong(table):
        raise ValueError(f"the tensor table of {layer[:80]}: {wrong}")
    return table


def encode(table: Table) -> bytes:
    """Return the one encoding of a table."""
    return msgspec.json.encode(table, order="sorted")


def decode(data: bytes) -> Table:
    """Read a table that somebody else wrote. ValueError: it is too large, no table, or breaks its laws."""
    if len(data) > MOST:
        raise ValueError(f"a tensor table of {len(data)} bytes; at most {MOST} are read")
    try:
        table = msgspec.json.decode(data, type=Table)
    except RecursionError as error:
        raise ValueError("a tensor table that is nested too deeply") from error
    if wrong := _wrong(table):
        raise ValueError(f"the tensor table of {table.layer[:80]}: {wrong}")
    return table


def _wrong(table: Table) -> str | None:
    """Say the first law that a table breaks."""
    if not _LAYER.fullmatch(table.layer):
        return "its layer has no digest of the form sha256:<64 hex digits>"
    for found in table.tensors:
        if not _TENSOR.fullmatch(found.digest):
            return f"{found.name[:80]!r} has no digest of the form blake3:<64 hex digits>"
        if found.offset < 0 or found.length < 0 or min(found.shape, default=0) < 0:
            return f"{found.name[:80]!r} has a negative number"
        if found.offset + found.length > table.size:
            return f"{found.name[:80]!r} ends at {found.offset + found.length}, the layer has {table.size} bytes"
    for one, two in pairwise(table.tensors):
        if _place(one) > _place(two):
            return f"{two.name[:80]!r} stands behind {one.name[:80]!r}, which begins later"
        if one.offset + one.length > two.offset:
            return f"{two.name[:80]!r} overlaps {one.name[:80]!r}"
    if len({(found.file, found.name) for found in table.tensors}) < len(table.tensors):
        return "a tensor of one file stands in it twice"
    return None


def _place(found: Range) -> tuple[int, int, str, str]:
    return found.offset, found.length, found.file, found.name
