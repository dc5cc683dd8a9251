"""Checkpoints cut into tiles (layout `tensors`): by who lists a source, and again by each who packs what he found.

The facts name no tensor; the same shards, read again, come to the same tiles. What it costs beside the 49 MB of a
process that has imported all: under 1 MB for a model of 21 to 75 tensors; for the 90,427 of DeepSeek-V3 (163 headers of
11.3 MB together) 5 s and 138 MB at its peak, of which 103 MB stay for as long as its tiles are packed: measured, and
more than the 72 MB of a worker.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Final

import msgspec

from shale.builder_sync import headers
from shale.builder_sync.headers import Read, UncuttableError
from shale.builder_sync.recipe import Part, Recipe
from shale.contracts.artifact import Checkpoint, File, Tile
from shale.oci import digest, tarball
from shale.oci.limits import Limits
from shale.oci.tarball import Entry
from shale.sources.source import Source
from shale.weights import checkpoint as checkpoints
from shale.weights import index as indexes
from shale.weights import restore, tiles
from shale.weights.allot import Room
from shale.weights.checkpoint import Untileable
from shale.weights.safetensors import Header
from shale.weights.tiles import Tiling

ORIGINALS: Final = ".shale/originals"
"""Where an image keeps the headers of the files that it was made of, and their index: each at its own path below."""
TILES: Final = ".tiles"
"""Ends the name of what says there which files are an index's tiles: no name of a file tells that for sure."""
FRAMING: Final = 16 * tarball.BLOCK
"""Bytes of a layer beside its one file, at most: headers for names of 4096 bytes, padding, the end."""


class Made(msgspec.Struct, frozen=True):
    """A file of the image that the source has not."""

    entry: Entry
    recipe: Recipe


class Cut(msgspec.Struct, frozen=True):
    """A checkpoint as it is told, with its tiles; what each is made of, and what small files come with them."""

    told: Checkpoint
    tiles: Mapping[str, Made]
    small: tuple[Made, ...]


def cut_all(  # noqa: PLR0913 (a model, where it lies, and what it has to fit)
    source: Source,
    found: Sequence[checkpoints.Checkpoint],
    files: Mapping[str, File],
    room: Room,
    alive: Callable[[], None],
    *,
    others: Sequence[str] = (),
) -> tuple[Cut, ...]:
    """Return the checkpoints of a model cut into tiles that fit `room` together; none may lie where `others` do.

    Raises UncuttableError, and what reading raises.
    """
    read = headers.read_all(source, (files[shard] for one in found for shard in one.shards), alive)
    tilings = tiles.plan_all(found, {path: one.header for path, one in read.items()}, room, others)
    if isinstance(tilings, Untileable):
        raise UncuttableError(tilings.reason, f"{source.title}: {tilings.message}")
    return tuple(_cut(source, one, tiling, files, read) for one, tiling in zip(found, tilings, strict=True))


def cut_again(source: Source, told: Checkpoint, alive: Callable[[], None]) -> Cut:
    """Return a checkpoint cut as it was when it was told. Raises UncuttableError, and what reading raises."""
    files = {file.path: file for file in told.shards}
    data = headers.read_whole(source, told.index) if told.index else b""
    index = indexes.parse(data) if told.index else indexes.NONE
    if isinstance(index, str):
        raise UncuttableError("IndexWrong", f"{told.path!r} in {source.title}: {index}")
    folder, _, name = told.path.rpartition("/")
    stem = name.removesuffix(indexes.SUFFIX)
    found = checkpoints.Checkpoint(folder, stem, tuple(files), index, indexed=told.index is not None)
    if told.index is not None:
        files[told.path] = told.index
    room = Room(told.max_tiles, told.max_tile_bytes)
    read = headers.read_all(source, told.shards, alive)
    tiling = tiles.plan(found, {path: one.header for path, one in read.items()}, room)
    if isinstance(tiling, Untileable):
        raise UncuttableError(tiling.reason, f"{source.title}: {tiling.message}")
    return _cut(source, found, tiling, files, read)


def widest(limits: Limits) -> int:
    """Return how many bytes a tile may have that fits a layer."""
    return limits.max_layer_bytes - FRAMING


class Cutter:
    """Cuts checkpoints again, and keeps the last one: the tiles of one are asked for one after the other.

    For several threads: they wait for one that cuts, for two at once would need twice its memory.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._key: tuple[str, Checkpoint] | None = None
        self._kept: Cut | None = None

    def cut(self, source: Source, told: Checkpoint, alive: Callable[[], None]) -> Cut:
        """See `cut_again`; what it raises is not kept, nor is what no versions pin."""
        key = (source.uri, told)
        while not self._lock.acquire(timeout=1):
            alive()
        try:
            if self._kept is not None and self._key == key:
                return self._kept
            self._key = self._kept = None
            cut = cut_again(source, told, alive)
            if all(file.version for file in _read_of(told)):
                self._key, self._kept = key, cut
            return cut
        finally:
            self._lock.release()


def _read_of(told: Checkpoint) -> tuple[File, ...]:
    return (*told.shards, *((told.index,) if told.index else ()))


def _cut(
    source: Source,
    found: checkpoints.Checkpoint,
    tiling: Tiling,
    files: Mapping[str, File],
    read: Mapping[str, Read],
) -> Cut:
    shards = tuple(files[shard] for shard in found.shards)
    held = restore.held({shard.path: read[shard.path].header for shard in shards})
    contents = {shard.path: headers.content_of(shard) for shard in shards}
    told = Checkpoint(
        path=found.index_path,
        shards=shards,
        max_tiles=tiling.room.budget,
        max_tile_bytes=tiling.room.cap,
        index=files[found.index_path] if found.indexed else None,
        tiles=tuple(Tile(tile.path, tile.size, tile.digest) for tile in tiling.tiles),
    )
    pinned = digest.of(msgspec.json.encode(shards))
    made: dict[str, Made] = {}
    for tile in tiling.tiles:
        header = Header(tile.tensors, {}, len(tile.header))
        parts = (Part(contents[one.file], one.offset, one.offset + one.length) for one in restore.slices(header, held))
        entry = Entry(tile.path, size=tile.size, version=pinned, digest=tile.digest)
        made[tile.path] = Made(entry, (tile.header, *parts))
    return Cut(told, made, tuple(_small(source, told, tiling, read)))


def _small(source: Source, told: Checkpoint, tiling: Tiling, read: Mapping[str, Read]) -> Iterator[Made]:
    """Yield the original headers, the original index if there is one, the new one in its place, and the tiles' list."""
    for shard in told.shards:
        size = read[shard.path].header.length
        entry = Entry(f"{ORIGINALS}/{shard.path}", size=size, mode=shard.mode, digest=read[shard.path].digest)
        yield Made(entry, (Part(headers.content_of(shard), 0, size),))
    mode, old = 0o644, told.index
    if old is not None:
        mode, found = old.mode, digest.of(headers.read_whole(source, old))
        entry = Entry(f"{ORIGINALS}/{told.path}", size=old.size, mode=mode, digest=found)
        yield Made(entry, (Part(headers.content_of(old), 0, old.size),))
    named = msgspec.json.encode({"tiles": [tile.path for tile in tiling.tiles]})
    for path, data, bits in ((told.path, tiling.index, mode), (f"{ORIGINALS}/{told.path}{TILES}", named, 0o644)):
        yield Made(Entry(path, size=len(data), mode=bits, digest=digest.of(data)), (data,))
