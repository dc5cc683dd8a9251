"""`shale pack`: a folder becomes an image in a registry, with the digests that the services give, and without them."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from shale.builder_sync.cutting import Cutter
from shale.builder_sync.known import Blob
from shale.builder_sync.pack import scan_source
from shale.builder_sync.previous import Key, key, keyed
from shale.builder_sync.results import Listed, Stall
from shale.cli import carry, images, packing, places, screen, work
from shale.cli import journal as journals
from shale.cli.carry import Carrier
from shale.cli.common import Common, registry_dir
from shale.cli.exits import CliError, Exit
from shale.cli.images import Reference
from shale.cli.journal import Journal
from shale.cli.packing import Before, How, Packed, Packer
from shale.cli.places import Place
from shale.cli.progress import counter
from shale.cli.pulling import tables
from shale.cli.pulling.original import ORIGINALS
from shale.cli.registries import Reach
from shale.contracts.amounts import amount
from shale.contracts.artifact import Layer
from shale.oci import manifest
from shale.oci.descriptor import Descriptor
from shale.oci.limits import Limits, limits_of
from shale.oci.manifest import Image
from shale.oci.tensors import LayerTable
from shale.oci.whole import Whole
from shale.runtime.beat import Beat
from shale.sources import globs
from shale.sources.filesystem import to_uri
from shale.sources.roots import Root, Roots
from shale.sources.schemes import open_source
from shale.sources.source import Source, Unscannable

CURE = "give another tag, or take that one away first"


class Options(msgspec.Struct, frozen=True):
    """`like`: the version before; `include` and `exclude`: globs, comma-separated, several times."""

    directory: str
    image: str
    layout: str = "files"
    like: str = ""
    include: list[str] = []
    exclude: list[str] = []
    dry_run: bool = False
    secret: str = ""
    insecure: bool = False

    @property
    def globs(self) -> tuple[str, str]:
        """What is wanted, and what of it is not."""
        return ",".join(self.include), ",".join(self.exclude)

    @property
    def reach(self) -> Reach:
        """How the registry is reached."""
        return Reach(self.secret, self.insecure)


class Task(msgspec.Struct, frozen=True):
    """What is asked for, and where it goes."""

    common: Common
    options: Options
    target: Reference
    there: Place
    beat: Beat


def run(common: Common, options: Options) -> int:
    """Pack, and say what became of each layer."""
    began, target = time.monotonic(), places.parse_target(options.image)
    with work.terminable() as beat:
        there = places.opened(common, target.repo, options.reach, beat)
        _check_apart(common, options, there)
        top = Path(os.path.realpath(options.directory))
        source = _source(options.directory)
        limits = limits_of(there.host)
        listed = _listed(source, options, limits, beat)
        layers = packing.planned(listed, limits)
        places.check_push(there)
        before = _before(Task(common, options, target, there, beat), layers)
        if options.dry_run:
            _show_plan(common, target, layers, before)
            return Exit.OK
        journal = Journal(journals.folder(os.environ, top), target.repo, source.uri)
        with counter("packing", sum(layer.size for layer in layers)) as count:
            packed = Packer(
                source, there, options.globs, listed.checkpoints, Cutter(), before, journal, beat, count
            ).pack(layers)
        image = _publish(there, target, packed, beat)
        journal.over()
    _show(common, target, image, packed, time.monotonic() - began)
    return Exit.OK


def _check_apart(common: Common, options: Options, there: Place) -> None:
    """Raise CliError when our own state, the pool's key in it, or the folder of layouts lies in what is packed."""
    wanted = globs.parse(*options.globs)
    top = Path(os.path.realpath(options.directory))
    home = common.place
    ours = [path for path in (home.registry, home.store, home.logs, home.key_file, home.state_file) if path.exists()]
    if not there.host:
        ours.append(registry_dir(common, os.environ))
    for path in ours:
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(top):
            continue
        parts = real.relative_to(top).parts
        if not any(wanted.excludes("/".join(parts[:length])) for length in range(1, len(parts) + 1)):
            cure = f"leave it out with --exclude {'/'.join(parts[:-1]) or parts[-1]}, or keep it elsewhere (--home)"
            raise CliError(f"{path} is Shale's own, and lies in {options.directory}: {cure}")


def _source(directory: str) -> Source:
    real = os.path.realpath(directory)
    match open_source(to_uri(real), Roots((Root(real, Path(real)),))):
        case Unscannable(reason, message):
            raise CliError(f"{reason}: {message}")
        case source:
            return source


def _listed(source: Source, options: Options, limits: Limits, beat: Beat) -> Listed:
    match scan_source(source, *options.globs, beat.heed, limits if options.layout == "tensors" else None):
        case Stall(reason, message):
            raise CliError(f"{reason}: {message}")
        case Listed((), (), ()):
            raise CliError(f"EmptySource: {source.uri} holds no files that --include and --exclude let through")
        case listed:
            if options.layout == "tensors" and Path(options.directory, ORIGINALS).is_dir():
                screen.note(f"left out: {ORIGINALS}, the headers of what this folder was cut from before")
            if options.layout == "tensors" and not listed.checkpoints:
                screen.note("packed as files: no safetensors checkpoint of 16 MiB or more lies there")
            return listed


def _before(task: Task, layers: tuple[Layer, ...]) -> Before:
    """Return the version before: the one that is named, else what the tag names already.

    Raises CliError when the tag names what these layers cannot become.
    """
    there, target, like = task.there, task.target, task.options.like
    named = there.registry.resolve(there.repo, target.tag)
    found = _layers(there, target, there) if named else ()
    if named and Counter(one for one, _ in found) != Counter(key(layer) for layer in layers):
        raise carry.taken(str(target), named.digest, CURE)
    if not like:
        return Before(found)
    wanted = images.parse(like)
    other = places.beside(task.common, wanted.repo, there, task.options.reach, task.beat)
    near = places.near(other, there)
    return Before(_layers(other, wanted, there), wanted.repo if near and other.repo != there.repo else "")


def _layers(place: Place, reference: Reference, there: Place) -> tuple[tuple[Key, Blob], ...]:
    """Return the layers of an image by name and size, as its ModelPack manifest has them; none where it has none.

    With their tables if they lie `there`: who may push to a repository may name its images' tables.
    """
    registry, repo = place.registry, place.repo
    top = registry.resolve(repo, reference.digest or reference.tag)
    if top is None:
        raise CliError(f"{reference} is not in the registry {place.where}: look whether its name is right")
    pack = images.model_pack(registry, repo, top)
    if pack is None:
        return ()
    ours = places.near(place, there) and repo == there.repo
    tabled = {one.layer: one for one in tables.named(registry, repo, top.digest)} if ours else {}
    return tuple((one, _blob(layer, tabled.get(layer.digest))) for one, layer in keyed(pack))


def _blob(layer: Descriptor, table: LayerTable | None) -> Blob:
    return Blob(layer.digest, layer.size, table.digest, table.size) if table else Blob(layer.digest, layer.size)


class Written(msgspec.Struct, frozen=True):
    """A blob that is held here."""

    data: bytes

    @property
    def size(self) -> int:
        """See `carry.Body`."""
        return len(self.data)

    def blocks(self, offset: int = 0) -> Iterator[bytes]:
        """See `carry.Body`."""
        yield self.data[offset:]


class Documents(msgspec.Struct, frozen=True):
    """The blobs of an image that are not its layers."""

    image: Image

    def body(self, blob: Descriptor) -> Written:
        """See `carry.Goods`."""
        return next(Written(one.data) for one in self.image.blobs if one.descriptor.digest == blob.digest)

    def mountable(self, there: Place) -> str:
        """See `carry.Goods`."""
        del there
        return ""

    def spoilt(self, blob: Descriptor, found: str) -> CliError:
        """See `carry.Goods`."""
        return CliError(f"the registry took {found} for {blob.digest}: try again")


def _publish(there: Place, target: Reference, packed: list[Packed], beat: Beat) -> Image:
    """Push all documents, then the tags; nothing when they name this image already."""
    registry, repo = there.registry, there.repo
    image = manifest.build([one.layer for one in packed], target.tag, children=registry.orphans(repo))
    if carry.all_named(there, image.tags):
        return image
    carry.heed_tags(there, image.tags, force=False, cure=CURE)
    for one in packed:
        if registry.has(repo, one.layer.digest) != one.layer.size:
            raise CliError(f"{there.where} lost the layer {one.layer.name!r} ({one.layer.digest}): pack it again")
    blobs = tuple(one.descriptor for one in image.blobs)
    parts = Whole(image.index, image.manifests, blobs)
    Carrier(beat, lambda _: None).carry(parts, Documents(image), there)
    carry.move_tags(there, parts, image.tags, force=False, cure=CURE)
    return image


def _show_plan(common: Common, target: Reference, layers: tuple[Layer, ...], before: Before) -> None:
    rows = [
        {"name": one.name, "bytes": one.size, "files": packing.count(one), "before": before.digest(one)}
        for one in layers
    ]  # fmt: skip
    if common.machine:
        screen.line({"image": str(target), "layers": rows}, common.output)
        return
    sheet = screen.Sheet(("layer", "files", "bytes", "as large before"))
    sheet.show([[str(row[word]) for word in ("name", "files", "bytes", "before")] for row in rows])
    screen.say(f"{target}: {len(layers)} layers, {amount(sum(one.size for one in layers))}, nothing sent (dry run)")


def _show(common: Common, target: Reference, image: Image, packed: list[Packed], seconds: float) -> None:
    ways: tuple[How, ...] = ("new", "reused", "mounted")
    sums = {how: sum(one.layer.size for one in packed if one.how == how) for how in ways}
    if common.machine:
        layers = [
            {"name": one.layer.name, "digest": one.layer.digest, "bytes": one.layer.size, "how": one.how,
             "seconds": one.seconds}
            for one in packed
        ]  # fmt: skip
        tree = {"image": str(target), "digest": image.index.digest, "modelPack": image.model_pack.digest}
        screen.line({**tree, "layers": layers, "bytes": sums, "seconds": round(seconds, 3)}, common.output)
        return
    sheet = screen.Sheet(("layer", "bytes", "seconds", "how", "digest"))
    sheet.show(
        [[one.layer.name, str(one.layer.size), f"{one.seconds:.2f}", one.how, one.layer.digest] for one in packed]
    )
    words = ", ".join(f"{amount(size)} {how}" for how, size in sums.items() if size)
    screen.say(f"{target} ({image.index.digest}): {len(packed)} layers, {words}, in {seconds:.1f} s")
