"""The safetensors format, read strictly: whatever the bytes say, a header is either whole and true or refused by place.

Source: the format section of safetensors' README, and what its library 0.8 does. A file is 8 bytes (little-endian, the
length of the JSON), the JSON (starts with `{`, may end in spaces), and the data, which the tensors cover without a gap.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from shale.weights.dtypes import HUGE, RANK, bytes_of
from shale.weights.scan import Found, Scan, WrongError

MOST: Final = 100_000_000
"""Bytes of JSON that the reference reads at most (MAX_HEADER_SIZE)."""
PREFIX: Final = 8
"""Bytes before the JSON: its length."""
METADATA: Final = "__metadata__"
_PAD = re.compile(rb" *")


class Tensor(msgspec.Struct, frozen=True):
    """One tensor of a header: `start` and `end` in bytes, counted from where the file's data begins."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes that it holds: none when a dimension is 0."""
        return self.end - self.start


class Header(msgspec.Struct, frozen=True):
    """A header that is whole: its tensors by place in the file, and where the data begins: 8 bytes and the JSON."""

    tensors: tuple[Tensor, ...]
    metadata: dict[str, str]
    length: int


class Broken(msgspec.Struct, frozen=True):
    """Why these bytes are no safetensors file: `offset` is the first byte in the file that is wrong."""

    offset: int
    reason: str


def length(data: bytes, size: int) -> int | Broken:
    """Return how many bytes the header of a file of `size` bytes has, read from its first 8."""
    if min(len(data), size) < PREFIX:
        return Broken(min(len(data), size), f"a file of {size} bytes has no header: the length alone takes 8")
    told = int.from_bytes(data[:PREFIX], "little")
    if told > MOST:
        return Broken(0, f"the header claims {told} bytes; at most {MOST} are read")
    if PREFIX + told > size:
        return Broken(0, f"the header claims {told} bytes, and the file has {size - PREFIX} after its length")
    return PREFIX + told


def parse(data: bytes, size: int) -> Header | Broken:
    """Read the header of a file of `size` bytes from its first bytes; what lies behind the header is not looked at."""
    whole = length(data, size)
    if isinstance(whole, Broken):
        return whole
    if len(data) < whole:
        return Broken(len(data), f"of the header's {whole} bytes only {len(data)} are here")
    try:
        return _read(data[:whole], size)
    except WrongError as wrong:
        return Broken(wrong.offset, wrong.reason)


def arrange(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the tensors one behind the other as the reference lays them out: widest dtype first, then by name."""
    placed: list[Tensor] = []
    at = 0
    for tensor in sorted(tensors, key=_aligned):
        placed.append(msgspec.structs.replace(tensor, start=at, end=at + tensor.size))
        at += tensor.size
    return tuple(placed)


def write(tensors: Sequence[Tensor], metadata: dict[str, str]) -> bytes:
    """Return the header over tensors that lie as they say: the reference's spelling, padded with spaces to 8 bytes."""
    entries: dict[str, object] = {METADATA: metadata} if metadata else {}
    for tensor in tensors:
        entries[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "data_offsets": (tensor.start, tensor.end),
        }
    text = msgspec.json.encode(entries)
    text += b" " * (-len(text) % PREFIX)
    return len(text).to_bytes(PREFIX, "little") + text


def _read(data: bytes, size: int) -> Header:
    try:
        data[PREFIX:].decode()
    except UnicodeDecodeError as error:
        raise WrongError(PREFIX + error.start, "the header is not UTF-8") from error
    scan = Scan(data, PREFIX)
    if data[PREFIX : PREFIX + 1] != b"{":
        raise WrongError(PREFIX, "the header does not begin with {")
    metadata: dict[str, str] = {}
    found: list[tuple[Tensor, int]] = []
    for key in scan.members():
        if key.text == METADATA:
            metadata = {entry.text: scan.string() for entry in scan.members()}
        else:
            found.append((_tensor(scan, key), key.offset))
    padding = _PAD.match(data, scan.at)
    if padding is None or padding.end() < len(data):
        raise WrongError(padding.end() if padding else scan.at, "something other than spaces follows the JSON")
    return Header(_covering(found, len(data), size), metadata, len(data))


def _tensor(scan: Scan, key: Found) -> Tensor:
    """Read one entry: these three members in any order and no other, which the reference would not keep either."""
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    offsets: tuple[int, ...] | None = None
    for member in scan.members():
        match member.text:
            case "dtype":
                dtype = scan.string()
            case "shape":
                shape = scan.numbers(HUGE)
            case "data_offsets":
                offsets = scan.numbers(HUGE)
            case other:
                raise WrongError(
                    member.offset, f"{_name(key)} has a member {other[:40]!r} that the format does not know"
                )
    if dtype is None or shape is None or offsets is None:
        raise WrongError(key.offset, f"{_name(key)} lacks its dtype, its shape or its data_offsets")
    if len(offsets) != 2:  # noqa: PLR2004 - a begin and an end
        raise WrongError(key.offset, f"{_name(key)} has {len(offsets)} data_offsets instead of 2")
    start, end = offsets
    held = bytes_of(dtype, shape)
    if isinstance(held, str):
        raise WrongError(key.offset, f"{_name(key)}: {held}")
    if end - start != held:
        raise WrongError(key.offset, f"{_name(key)}: its range has {end - start} bytes, its dtype and shape {held}")
    return Tensor(key.text, dtype, shape, start, end)


def _covering(found: list[tuple[Tensor, int]], begin: int, size: int) -> tuple[Tensor, ...]:
    """Return the tensors by place. Raises WrongError unless they cover all from `begin` on, each byte once."""
    tensors: list[Tensor] = []
    at = 0
    for tensor, offset in sorted(found, key=_place):
        if tensor.start != at:
            what = "overlaps the tensor before it" if tensor.start < at else f"leaves {tensor.start - at} bytes free"
            raise WrongError(offset, f"{tensor.name[:80]!r} {what}: it begins at {tensor.start}, not at {at}")
        if tensor.end > size - begin:
            raise WrongError(offset, f"{tensor.name[:80]!r} ends at {tensor.end}, the data has {size - begin} bytes")
        at = tensor.end
        tensors.append(tensor)
    if begin + at != size:
        raise WrongError(begin + at, f"{size - begin - at} bytes follow the last tensor")
    return tuple(tensors)


def _place(found: tuple[Tensor, int]) -> tuple[int, int, str]:
    tensor, _ = found
    return tensor.start, tensor.end, tensor.name


def _aligned(tensor: Tensor) -> tuple[int, str]:
    return -RANK[tensor.dtype], tensor.name


def _name(key: Found) -> str:
    return repr(key.text[:80])
