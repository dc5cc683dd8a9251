"""Where each byte of a layer comes from: out of files that are at hand, and the rest from the registry. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

import msgspec

from shale.oci import tarball
from shale.oci.tarball import PREFIX, Content, Entry
from shale.weights.table import Table

GAP = 32 * 2**10
"""Bytes at hand between two that are not, for which the registry is not asked twice."""


class Held(msgspec.Struct, frozen=True):
    """Bytes of a file of this machine, from its byte `offset` on."""

    path: str
    offset: int


class Part(msgspec.Struct, frozen=True):
    """The bytes of a layer from `start` to `end`; without `held` they are fetched."""

    start: int
    end: int
    held: Held | None = None


Recipe = tuple[Part, ...]


def of_tensors(table: Table, found: Mapping[str, Held]) -> Recipe:
    """Return the recipe of a layer of which some tensors were `found`, by their digest."""
    there = (Part(one.offset, one.offset + one.length, found.get(one.digest)) for one in table.tensors)
    return recipe(table.size, (part for part in there if part.held is not None and part.start < part.end))


def of_file(size: int, path: str, held: str, bytes_held: int, *, whole: bool) -> Recipe:
    """Return the recipe of a layer of `size` bytes that holds one file, of which the first `bytes_held` may be at hand.

    All is fetched when they cannot be: with `whole` the layer must be just as large as one with the file.
    """
    entry = Entry(path, size=bytes_held)
    if (tarball.size((entry,)) != size) if whole else (tarball.size((entry,)) > size):
        return ()
    begin = 0
    for piece in tarball.frame((entry,)):
        if isinstance(piece, Content):
            return recipe(size, (Part(begin, begin + bytes_held, Held(held, 0)),))
        begin += len(piece)
    return ()


def path_of(title: str) -> str:
    """Return the path of the one file of a layer of this name; none, when it holds several or leaves the folder."""
    path = PurePosixPath(title.removeprefix(PREFIX)) if title.startswith(PREFIX) else PurePosixPath("/")
    return "" if path.is_absolute() or ".." in path.parts or not path.parts else str(path)


def recipe(size: int, held: Iterable[Part]) -> Recipe:
    """Return the recipe that takes these parts, by place, and fetches what is between, unless that is too little."""
    parts: list[Part] = []
    at = 0
    for run in _runs(held):
        if run[-1].end - run[0].start < GAP:
            continue
        if at < run[0].start:
            parts.append(Part(at, run[0].start))
        parts += run
        at = run[-1].end
    return (*parts, Part(at, size)) if at < size else tuple(parts)


def fetched(recipe: Recipe) -> int:
    """Return how many bytes are fetched."""
    return sum(part.end - part.start for part in recipe if part.held is None)


def _runs(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Yield the parts that follow one another without a gap."""
    run: list[Part] = []
    for part in parts:
        if run and run[-1].end != part.start:
            yield run
            run = []
        run.append(part)
    if run:
        yield run
