"""Shares a budget of tiles out among the kinds of modules.

Each starts at 8 ranges of blocks; who loses least by it gives some of them up, until all fit. What has no tile of its
own any more lies in the rest.

Why 8: with the 7 large kinds of a llama that makes 56 tiles, with embeddings, head and rest 59 of an image's 60 layers;
and a multiple of 4 puts cuts at the quarters of a stack, where fine-tunes freeze.
"""

import heapq
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Final

import msgspec

from shale.weights.cut import Groups, cost, cut, pieces
from shale.weights.names import Module, natural, place
from shale.weights.safetensors import Tensor

RANGES: Final = 8
QUARTERS: Final = 4
LEAST: Final = 16 * 2**20
"""Bytes that are worth a layer (packing.md, layouts)."""
SMALL_REST: Final = 64
"""A rest of less than this part of all bytes is one tile: sent again whole it costs under 1.6 %."""


class Room(msgspec.Struct, frozen=True):
    """What tiles have to fit into: `budget` of them, each at most `cap` bytes."""

    budget: int
    cap: int
    least: int = LEAST
    """From this many bytes on a kind has tiles of its own, which have as many on the average."""


class Range(msgspec.Struct, frozen=True):
    """Tensors of one kind in the blocks from `first` to `last`, both included (outside of stacks: 0)."""

    module: Module
    first: int
    last: int
    groups: Groups
    """One, or more where the range is over the cap."""


class Shares(msgspec.Struct, frozen=True):
    """Who has tiles of its own, and the groups of the rest."""

    ranges: tuple[Range, ...]
    rest: Groups


class _Ladder(msgspec.Struct):
    """One kind and how it may be cut, finest first; `step` is where it stands, behind the last when merged."""

    module: Module
    tensors: list[Tensor]
    size: int
    cuts: list[tuple[Range, ...]]
    step: int = 0

    def tiles(self) -> int:
        return sum(len(found.groups) for found in self.cuts[self.step]) if self.step < len(self.cuts) else 0

    def loss(self) -> float:
        """Bytes that one step down costs: what is sent too much when one part of a cut as it stands now changes.

        Finer than quarters it counts a quarter: fine-tunes freeze halves and quarters of a stack.
        """
        ranges = len(self.cuts[self.step])
        return self.size / ranges / (QUARTERS if ranges > QUARTERS else 1)


def allot(tensors: Sequence[Tensor], room: Room) -> Shares | None:
    """Return groups that fit, or nothing: not even all in a row, filled to the cap, do. None is over it alone."""
    ladders = _ladders(tensors, room)
    total = sum(ladder.size for ladder in ladders)
    steps = [(ladder.loss(), ladder.module, at) for at, ladder in enumerate(ladders) if ladder.cuts]
    heapq.heapify(steps)
    own = sum(ladder.tiles() for ladder in ladders)
    rest = sum(ladder.size for ladder in ladders if not ladder.cuts)
    while True:
        wanted = _wanted(rest, total, room)
        spare = room.budget - own
        if wanted <= spare and (shares := _shares(ladders, spare, wanted, room.cap)):
            return shares
        if not steps:
            return None
        _, module, at = heapq.heappop(steps)
        ladder = ladders[at]
        own -= ladder.tiles()
        ladder.step += 1
        own += ladder.tiles()
        if ladder.step < len(ladder.cuts):
            heapq.heappush(steps, (ladder.loss(), module, at))
        else:
            rest += ladder.size


def _wanted(rest: int, total: int, room: Room) -> int:
    """Return how many tiles the rest should have: as many as its part of the bytes, and what the cap asks for."""
    least = -(-rest // room.cap)
    if rest * SMALL_REST <= total:
        return least
    return max(least, min(-(-rest * room.budget // total), rest // room.least))


def _shares(ladders: list[_Ladder], spare: int, wanted: int, cap: int) -> Shares | None:
    merged = [tensor for ladder in ladders if ladder.step >= len(ladder.cuts) for tensor in ladder.tensors]
    merged.sort(key=lambda tensor: natural(tensor.name))
    rest = cut(merged, cap, wanted) or cut(merged, cap, spare)
    if rest is None:
        return None
    ranges = (found for ladder in ladders if ladder.step < len(ladder.cuts) for found in ladder.cuts[ladder.step])
    return Shares(tuple(ranges), rest)


def _ladders(tensors: Sequence[Tensor], room: Room) -> list[_Ladder]:
    kinds: dict[Module, list[tuple[int, Tensor]]] = {}
    blocks: dict[str, int] = {}
    for tensor in tensors:
        found = place(tensor.name)
        kinds.setdefault(found.module, []).append((found.block or 0, tensor))
        if found.block is not None:
            blocks[found.module.stack] = max(blocks.get(found.module.stack, 0), found.block + 1)
    return [
        _ladder(module, sorted(kinds[module], key=_by_name), blocks.get(module.stack, 0), room)
        for module in sorted(kinds)
    ]


def _ladder(module: Module, placed: list[tuple[int, Tensor]], blocks: int, room: Room) -> _Ladder:
    tensors = [tensor for _, tensor in placed]
    size = sum(map(cost, tensors))
    cuts: list[tuple[Range, ...]] = []
    for bounds in _bounds(max(1, blocks), size, room.cap) if size >= room.least else ():
        tried = tuple(_ranges(module, placed, bounds, room.cap))
        held = sum(len(found.groups) for found in tried)
        fewer = not cuts or held < sum(len(found.groups) for found in cuts[-1])
        if fewer and size // held >= room.least:
            cuts.append(tried)
    return _Ladder(module, tensors, size, cuts)


def _bounds(blocks: int, size: int, cap: int) -> Iterator[tuple[int, ...]]:
    """Yield where a stack may be cut, finest first: each block at which a range begins, and the end.

    More than 8 ranges only where one of 8 would be over the cap; fewer than 4 keep the cuts that fine-tunes of the last
    blocks need.
    """
    finest = RANGES
    while size > finest * cap and finest < blocks:
        finest *= 2
    while finest >= QUARTERS:
        if finest <= blocks:
            yield tuple(at * blocks // finest for at in range(finest + 1))
        finest //= 2
    quarters = tuple(at * blocks // QUARTERS for at in range(QUARTERS + 1))
    for kept in ((0, 2, 3, 4), (0, 3, 4), (0, 4)):
        yield tuple(quarters[at] for at in kept)


def _ranges(module: Module, placed: list[tuple[int, Tensor]], bounds: tuple[int, ...], cap: int) -> Iterator[Range]:
    """Yield the ranges that hold a tensor."""
    tensors = [tensor for _, tensor in placed]
    for first, end in pairwise(bounds):
        begin = bisect_left(placed, first, key=itemgetter(0))
        if held := tensors[begin : bisect_left(placed, end, key=itemgetter(0))]:
            yield Range(module, first, end - 1, pieces(held, cap))


def _by_name(placed: tuple[int, Tensor]) -> tuple[tuple[int, int, str], ...]:
    return natural(placed[1].name)
