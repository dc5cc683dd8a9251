"""What a listing becomes with layout `tensors`: tiles instead of shards, and small files that lead back to them."""

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from shale.builder_sync import cutting, headers
from shale.builder_sync.cutting import ORIGINALS, Cut
from shale.builder_sync.headers import UncuttableError
from shale.builder_sync.recipe import Recipe
from shale.builder_sync.results import Listed
from shale.contracts.artifact import File
from shale.oci import plan, small
from shale.oci.limits import Limits
from shale.oci.tarball import Entry
from shale.sources.source import Scan, Source
from shale.weights import checkpoint as checkpoints
from shale.weights import index as indexes
from shale.weights.allot import Room
from shale.weights.checkpoint import Checkpoint, Untileable

ADDED = 128 * 2**20
"""More bytes than small files are made: headers of at most 16 MiB, and an index over their tensors."""


class Arranged(msgspec.Struct, frozen=True):
    """What an image holds beside its tiles, as a listing; and what those small files are made of that were not listed.

    A source's own `.shale/originals` are of another cut, and stay behind.
    """

    scan: Scan
    recipes: dict[str, Recipe]


def cut_up(source: Source, scan: Scan, limits: Limits, alive: Callable[[], None]) -> Listed:
    """Return a listing with its checkpoints of 16 MiB and more cut into tiles that fit a registry, if it has any.

    Raises UncuttableError, and what reading raises.
    """
    rest = _without_originals(scan)
    files = headers.listed(rest.entries) | {file.path: file for file in rest.files}
    found = _worth(_found(source, files), files)
    if not found:
        return Listed(scan.files, scan.small())
    shards = {shard for one in found for shard in one.shards}
    whole = [file for file in rest.files if file.path not in shards]
    runs = len(small.runs([one for one in rest.entries if one.path not in shards], small.RUN - ADDED))
    budget = plan.room_for_tiles(whole, runs, sum(files[shard].size for shard in shards), limits)
    others = [one.path for one in (*rest.files, *rest.entries) if one.path not in shards]
    cuts = cutting.cut_all(source, found, files, Room(budget, cutting.widest(limits)), alive, others=others)
    held = arranged(source.title, scan, cuts).scan
    return Listed(held.files, held.small(), tuple(cut.told for cut in cuts))


def arranged(title: str, scan: Scan, cuts: Sequence[Cut]) -> Arranged:
    """Return what the image holds of a listing beside the tiles. UncuttableError: two things would have one name."""
    rest = _without_originals(scan)
    shards = {shard.path for cut in cuts for shard in cut.told.shards}
    gone = shards | {cut.told.path for cut in cuts if cut.told.index is not None}
    files = tuple(file for file in rest.files if file.path not in gone)
    kept = [entry for entry in rest.entries if entry.path not in gone]
    _check_links(title, kept, shards)
    made = [one for cut in cuts for one in cut.small]
    new = [one.entry for one in made]
    new += _folders(new, {entry.path for entry in kept if entry.kind == "directory"})
    paths = [
        *(file.path for file in files),
        *(entry.path for entry in (*kept, *new)),
        *(p for c in cuts for p in c.tiles),
    ]
    if twice := _twice(paths):
        what = f"{twice!r} in {title} lies where layout tensors puts a file of its own"
        raise UncuttableError("NameTaken", f"{what}: rename or exclude it, or choose layout: files")
    entries = tuple(sorted((*kept, *new), key=lambda entry: entry.path))
    return Arranged(Scan(files, entries), {one.entry.path: one.recipe for one in made})


def _found(source: Source, files: Mapping[str, File]) -> tuple[Checkpoint, ...]:
    """Return the checkpoints; all their indexes are read, so they are bounded like headers."""
    named = [file for path, file in files.items() if path.endswith(indexes.SUFFIX)]
    if sum(file.size for file in named) > headers.MOST:
        what = f"the indexes in {source.title} have more than {headers.MOST} bytes (among them {named[0].path!r})"
        raise UncuttableError("IndexTooLarge", f"{what}: choose layout: files")
    found = checkpoints.find(files, {file.path: headers.read_whole(source, file) for file in named})
    if isinstance(found, Untileable):
        raise UncuttableError(found.reason, f"{source.title}: {found.message}")
    return found


def _worth(found: Sequence[Checkpoint], files: Mapping[str, File]) -> list[Checkpoint]:
    """Return those that are large enough for a layer of their own."""
    return [one for one in found if sum(files[shard].size for shard in one.shards) >= small.LARGE]


def _without_originals(scan: Scan) -> Scan:
    def stays(one: File | Entry) -> bool:
        return one.path != ORIGINALS and not one.path.startswith(f"{ORIGINALS}/")

    return Scan(tuple(filter(stays, scan.files)), tuple(filter(stays, scan.entries)))


def _check_links(title: str, kept: Sequence[Entry], shards: set[str]) -> None:
    for entry in kept:
        to = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.link or ""))
        if entry.kind == "symlink" and to in shards:
            what = f"{entry.path!r} in {title} is a link to {to!r}, which layout tensors cuts into other files"
            raise UncuttableError("LinkToShard", f"{what}: exclude the link, or choose layout: files")


def _folders(made: Sequence[Entry], there: set[str]) -> Iterator[Entry]:
    """Yield the folders of the originals."""
    above = {
        entry.path[:at]
        for entry in made
        if entry.path.startswith(f"{ORIGINALS}/")
        for at, letter in enumerate(entry.path)
        if letter == "/"
    }
    return (Entry(path, "directory", mode=0o755) for path in sorted(above - there))


def _twice(paths: Sequence[str]) -> str | None:
    seen: set[str] = set()
    return next((path for path in paths if path in seen or seen.add(path)), None)
