"""`shale import`: what `shale export` made comes into a registry, each byte checked; or lists what is there."""

from pathlib import Path

import msgspec

from shale.cli import carry, images, lacking, places, screen, told, work
from shale.cli.carry import Bound
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.images import Reference
from shale.cli.places import Place
from shale.cli.registries import Reach
from shale.oci import unarchive, whole
from shale.oci.descriptor import Descriptor
from shale.oci.strict import Damaged
from shale.oci.unarchive import Archive, Slice
from shale.oci.whole import Whole
from shale.runtime.beat import Beat

NAMED = 5
"""Blobs that an archive lacks which are named; the rest is counted."""


class Options(msgspec.Struct, frozen=True):
    """`file` into `image`; or `list`, an image whose digests are printed."""

    file: str = ""
    image: str = ""
    list: str = ""
    force: bool = False
    secret: str = ""
    insecure: bool = False


class Held(msgspec.Struct, frozen=True):
    """The blobs of an archive."""

    file: Path
    archive: Archive

    def body(self, blob: Descriptor) -> Slice:
        """See `carry.Goods`."""
        held = self.archive.blobs.get(blob.digest)
        if held is None:
            raise CliError(f"{self.file} does not hold {blob.digest}, and the registry lost it just now: try again")
        if held.size != blob.size:
            raise CliError(f"{self.file}: {blob.digest} is {held.size} bytes, its manifest says {blob.size}")
        return held

    def mountable(self, there: Place) -> str:
        """See `carry.Goods`."""
        del there
        return ""

    def spoilt(self, blob: Descriptor, found: str) -> CliError:
        """See `carry.Goods`."""
        return CliError(f"{self.file}: {blob.digest} holds bytes whose digest is {found}: export it again")


def run(common: Common, options: Options) -> int:
    """Import, or list."""
    if bool(options.list) == bool(options.image):
        raise usage("import what? write FILE.tar IMAGE, or --list IMAGE")
    reach = Reach(options.secret, options.insecure)
    with work.terminable() as beat:
        if options.list:
            return _list(common, images.parse(options.list), reach, beat)
        target, file = places.parse_target(options.image), Path(options.file)
        there = places.opened(common, target.repo, reach, beat)
        try:
            done = _import(file, there, target, beat, force=options.force)
        except (Damaged, ValueError) as error:
            raise CliError(f"{file}: {error}") from error
    told.carried(common, done)
    return Exit.OK


def _import(file: Path, there: Place, target: Reference, beat: Beat, *, force: bool) -> told.Done:
    """Have the image of a file there. ValueError and Damaged say what is wrong with the file."""
    try:
        archive = unarchive.read(file)
    except OSError as error:
        raise CliError(f"{file} cannot be read ({error.strerror}): give what `shale export` wrote") from error
    image = whole.gather(archive.top(target.tag), archive)
    places.check_push(there)
    _heed_lacks(file, image, archive, there)
    brought = carry.bring(image, Held(file, archive), Bound(there, target.tag, force), beat, "importing")
    return told.Done(str(target), image.top.digest, *brought)


def _heed_lacks(file: Path, image: Whole, archive: Archive, there: Place) -> None:
    """Raise CliError when the file lacks what the registry does not have either."""
    left = [blob for blob in image.blobs if blob.digest not in archive.blobs]
    lost = [blob.digest for blob in left if there.registry.has(there.repo, blob.digest) != blob.size]
    if not lost:
        return
    more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
    cure = "export it with a --lacks that names what is here (`shale import --list IMAGE`), or without"
    raise CliError(f"{file} lacks {', '.join(lost[:NAMED])}{more}, and so does {there.repo}: {cure}")


def _list(common: Common, reference: Reference, reach: Reach, beat: Beat) -> int:
    place = places.opened(common, reference.repo, reach, beat)
    image = places.look(place, reference)
    found = [blob.digest for blob in image.blobs if place.registry.has(place.repo, blob.digest) == blob.size]
    if common.machine:
        screen.line({"image": str(reference), "digest": image.top.digest, "blobs": found}, common.output)
    else:
        screen.show(lacking.write(str(reference), found))
    return Exit.OK
