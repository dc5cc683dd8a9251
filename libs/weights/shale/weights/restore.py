"""From shards to tiles and back: where the bytes of a safetensors file lie among others that hold the same tensors."""

from collections.abc import Iterator, Mapping

import msgspec

from shale.weights.safetensors import Header, Tensor


class Slice(msgspec.Struct, frozen=True):
    """Bytes of a file: `offset` from its first, header included."""

    file: str
    offset: int
    length: int


class Held(msgspec.Struct, frozen=True):
    """Where a tensor lies: its file and the offset of its first byte in it."""

    file: str
    offset: int
    tensor: Tensor


def held(headers: Mapping[str, Header]) -> dict[str, Held]:
    """Return where each tensor of some files lies. ValueError: one lies in two of them."""
    found: dict[str, Held] = {}
    for file, header in sorted(headers.items()):
        for tensor in header.tensors:
            first = found.setdefault(tensor.name, Held(file, header.length + tensor.start, tensor))
            if first.file != file:
                raise ValueError(f"{tensor.name[:80]!r} lies in {first.file} and in {file}")
    return found


def slices(wanted: Header, there: Mapping[str, Held]) -> tuple[Slice, ...]:
    """Return what to read, in order, for the data of a file behind its header; neighbours are read in one.

    ValueError: a tensor is not there, or has another dtype or shape.
    """
    joined: list[Slice] = []
    for piece in _pieces(wanted, there):
        last = joined[-1] if joined else None
        if last is not None and (last.file, last.offset + last.length) == (piece.file, piece.offset):
            joined[-1] = Slice(last.file, last.offset, last.length + piece.length)
        elif piece.length:
            joined.append(piece)
    return tuple(joined)


def _pieces(wanted: Header, there: Mapping[str, Held]) -> Iterator[Slice]:
    for tensor in wanted.tensors:
        found = there.get(tensor.name)
        if found is None:
            raise ValueError(f"{tensor.name[:80]!r} lies in none of the files")
        if (found.tensor.dtype, found.tensor.shape) != (tensor.dtype, tensor.shape):
            raise ValueError(
                f"{tensor.name[:80]!r} is {found.tensor.dtype} {list(found.tensor.shape)} in {found.file}, "
                f"not {tensor.dtype} {list(tensor.shape)}"
            )
        yield Slice(found.file, found.offset, tensor.size)
