"""What a layer holds, found out anew by who packs it: it must be what was planned."""

from collections.abc import Callable, Mapping

import msgspec

from shale.builder_sync.arranging import arranged
from shale.builder_sync.cutting import Cutter
from shale.builder_sync.headers import UncuttableError
from shale.builder_sync.recipe import Recipe
from shale.builder_sync.results import Refusal, Stall
from shale.contracts.artifact import Small, Tile
from shale.contracts.jobs import PackLayer, place
from shale.oci import plan, small
from shale.oci.tarball import Entry
from shale.sources.source import Source, SourceChangedError, UnreadableError, Unscannable

_AGAIN = "try again when nobody writes there"


class Contents(msgspec.Struct, frozen=True):
    """A layer's entries in their order, and what those are made of that its source has not."""

    entries: tuple[Entry, ...]
    recipes: Mapping[str, Recipe] = {}


def contents(job: PackLayer, source: Source, cutter: Cutter, alive: Callable[[], None]) -> Contents | Refusal | Stall:
    """Return what the layer holds; small runs are listed again and tiles cut again, to the same digest."""
    try:
        match job.layer:
            case layer if layer.tile is not None:
                return _tile(job, layer.tile, source, cutter, alive)
            case layer if layer.small is not None:
                return _small(job, layer.small, source, cutter, alive)
            case layer:
                return Contents(plan.entries(layer.files))
    except UncuttableError as error:
        return Refusal("SourceChanged", f"{error}; it was cut when it was listed: {_AGAIN}")
    except SourceChangedError as error:
        return Refusal("SourceChanged", str(error))
    except UnreadableError as error:
        return Stall(error.why.reason, error.why.message)


def _tile(job: PackLayer, tile: Tile, source: Source, cutter: Cutter, alive: Callable[[], None]) -> Contents | Refusal:
    for told in job.checkpoints:
        made = cutter.cut(source, told, alive).tiles.get(tile.path)
        if made is not None and (made.entry.size, made.entry.digest) == (tile.size, tile.digest):
            return Contents((made.entry,), {tile.path: made.recipe})
    what = f"the tensors of {tile.path!r} in {place(job)} are not those that were listed"
    return Refusal("SourceChanged", f"{what}: {_AGAIN}")


def _small(
    job: PackLayer, run: Small, source: Source, cutter: Cutter, alive: Callable[[], None]
) -> Contents | Refusal | Stall:
    scan = source.scan(job.include, job.exclude, alive)
    if isinstance(scan, Unscannable):
        return Stall(scan.reason, scan.message)
    recipes: dict[str, Recipe] = {}
    if job.checkpoints:
        cuts = [cutter.cut(source, told, alive) for told in job.checkpoints]
        found = arranged(place(job), scan, cuts)
        scan, recipes = found.scan, found.recipes
    entries = small.within(scan.entries, run)
    if small.small_digest(entries) != run.digest:
        what = f"what lies from {run.first!r} to {run.last!r} in {place(job)}"
        return Refusal("SourceChanged", f"{what} is not what was listed: {_AGAIN}")
    return Contents(entries, recipes)
