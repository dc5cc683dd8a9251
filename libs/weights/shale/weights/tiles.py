"""A checkpoint cut anew: the same tensors give the same tiles, whatever files they came in and in whatever order.

A tile is a safetensors file whose bytes are those of its tensors, the way the reference would write them, and nothing
else's. Who changes some modules or some blocks changes their tiles.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from shale.weights import checkpoint as checkpoints
from shale.weights import index, safetensors
from shale.weights.allot import Range, Room, Shares, allot
from shale.weights.checkpoint import SUFFIX, Checkpoint, Untileable
from shale.weights.cut import FRAME, Groups, cost, pieces, weight
from shale.weights.names import natural, short
from shale.weights.safetensors import Header, Tensor


class Tile(msgspec.Struct, frozen=True):
    """A file to be written at `path`: `header`, then the data of `tensors`, which lie as they say."""

    path: str
    tensors: tuple[Tensor, ...]
    header: bytes

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self.header) + (self.tensors[-1].end if self.tensors else 0)

    @property
    def digest(self) -> str:
        """The digest of the header, by which two that plan know that they mean the same tile."""
        return f"sha256:{hashlib.sha256(self.header).hexdigest()}"


class Tiling(msgspec.Struct, frozen=True):
    """A checkpoint's tiles by path, and its index anew."""

    tiles: tuple[Tile, ...]
    index_path: str
    index: bytes


def plan(checkpoint: Checkpoint, headers: Mapping[str, Header], room: Room) -> Tiling | Untileable:
    """Return the tiles of the shards of these headers."""
    held = checkpoints.tensors(checkpoint, headers)
    if isinstance(held, Untileable):
        return held
    if wide := next((tensor for tensor in held if FRAME + cost(tensor) > room.cap), None):
        return _too_wide(checkpoint, wide, room.cap)
    shares = allot(held, room) if weight(held) <= room.budget * room.cap else None
    if shares is None:
        return _too_many(checkpoint, held, room)
    metadata = checkpoints.format_of(checkpoint, headers)
    prefix = checkpoint.index_path.removesuffix(index.SUFFIX)
    tiles = sorted(
        (_tile(f"{prefix}-{name}{SUFFIX}", group, metadata) for name, group in _named(shares)),
        key=lambda tile: tile.path,
    )
    files = {tile.path.rpartition("/")[2]: tile.tensors for tile in tiles}
    return Tiling(tuple(tiles), checkpoint.index_path, index.write(checkpoint.index, files))


def plan_all(
    found: Sequence[Checkpoint], headers: Mapping[str, Header], room: Room, others: Collection[str] = ()
) -> tuple[Tiling, ...] | Untileable:
    """Return the tiles of all checkpoints of a model; they share the budget by bytes.

    `others` are the paths of the files that stay as they are: no tile may lie there.
    """
    sizes = [sum(_size(headers[shard]) for shard in checkpoint.shards) for checkpoint in found]
    parts = share(sizes, room)
    if parts is None:
        needed = sum(max(1, -(-size // room.cap)) for size in sizes)
        return Untileable(
            "TooManyLayers",
            f"{len(found)} checkpoints of {sum(sizes)} bytes need {needed} layers of at most {room.cap} bytes or more; "
            f"{room.budget} are left for them: {_OUT}",
        )
    tilings: list[Tiling] = []
    taken = set(others)
    for checkpoint, part in zip(found, parts, strict=True):
        planned = plan(checkpoint, headers, msgspec.structs.replace(room, budget=part))
        if isinstance(planned, Untileable):
            return planned
        for tile in planned.tiles:
            if tile.path in taken:
                return Untileable("NameTaken", f"{tile.path} would be a tile's name, and is taken: rename that file")
            taken.add(tile.path)
        tilings.append(planned)
    return tuple(tilings)


def share(sizes: Sequence[int], room: Room) -> tuple[int, ...] | None:
    """Return each checkpoint's part of the budget: by bytes, beyond what the cap asks for; or nothing: not enough."""
    least = [max(1, -(-size // room.cap)) for size in sizes]
    spare = room.budget - sum(least)
    if spare < 0:
        return None
    total = max(1, sum(sizes))
    return tuple(needed + spare * size // total for needed, size in zip(least, sizes, strict=True))


def _tile(path: str, group: Sequence[Tensor], metadata: dict[str, str]) -> Tile:
    laid = safetensors.arrange(group)
    return Tile(path, laid, safetensors.write(laid, metadata))


def _named(shares: Shares) -> Iterator[tuple[str, list[Tensor]]]:
    """Yield the groups under names that say of what and of which blocks they are, never how many there are."""
    for found in shares.ranges:
        yield from _pieces(_label(found), found.groups)
    for group in shares.rest:
        yield f"rest-{short(group[0].name)}", group


def _pieces(label: str, groups: Groups) -> Iterator[tuple[str, list[Tensor]]]:
    for group in groups:
        yield label if len(groups) == 1 else f"{label}-{short(group[0].name)}", group


def _label(found: Range) -> str:
    blocks = f"-{found.first:03}-{found.last:03}" if found.module.stack else ""
    return found.module.label + blocks


def _too_wide(checkpoint: Checkpoint, tensor: Tensor, cap: int) -> Untileable:
    return Untileable(
        "LayerTooLarge",
        f"{tensor.name[:80]!r} of {checkpoint.index_path} alone has {tensor.size} bytes, a layer holds at most {cap}: "
        "choose another registry, or save the model in a smaller dtype",
    )


def _too_many(checkpoint: Checkpoint, tensors: Sequence[Tensor], room: Room) -> Untileable:
    total = weight(tensors)
    needed = len(pieces(sorted(tensors, key=lambda tensor: natural(tensor.name)), room.cap))
    return Untileable(
        "TooManyLayers",
        f"{checkpoint.index_path} holds {total} bytes in {len(tensors)} tensors, which make {needed} layers of at most "
        f"{room.cap} bytes; {room.budget} are left for it: {_OUT}",
    )


def _size(header: Header) -> int:
    return header.tensors[-1].end if header.tensors else 0


_OUT: Final = (
    "choose a registry that takes larger layers, save the model in a smaller dtype, "
    "or exclude what serving does not need"
)
