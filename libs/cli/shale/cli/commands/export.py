"""`shale export`: an image with all that belongs to it as one file, to be carried to where no line leads."""

import os
from collections.abc import Callable, Generator, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shale.cli import images, lacking, places, work
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.images import Reference
from shale.cli.places import Place
from shale.cli.progress import Count, counter
from shale.cli.registries import Reach
from shale.cli.screen import line, say
from shale.contracts.amounts import amount
from shale.oci import archive, disk, laws
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Hasher
from shale.oci.whole import Whole
from shale.runtime.beat import Beat


class Options(msgspec.Struct, frozen=True):
    """`lacks`: what the other side has, an image or a file of digests; `force` writes over a file that is there."""

    image: str
    file: str
    lacks: str = ""
    force: bool = False
    secret: str = ""
    insecure: bool = False


class Exported(msgspec.Struct, frozen=True, rename="camel"):
    """What was written: blobs and bytes of the file, and the blobs that it leaves to the other side."""

    image: str
    digest: str
    file: str
    blobs: int
    bytes: int
    left_out: int


def run(common: Common, options: Options) -> int:
    """Export, and say what came."""
    reference, path = images.parse(options.image), Path(options.file).absolute()
    if os.path.lexists(path) and not (options.force and path.is_file()):
        raise CliError(f"{path} is there already: give another name{', or --force' if path.is_file() else ''}")
    with work.terminable() as beat:
        reach = Reach(options.secret, options.insecure)
        place = places.opened(common, reference.repo, reach, beat)
        image = places.look(place, reference)
        without = _without(common, options.lacks, place, reach, beat)
        exported = _export(image, reference, place, path, without)
    if common.machine:
        line(msgspec.to_builtins(exported), common.output)
    else:
        rest = f", {exported.left_out} left out" if exported.left_out else ""
        say(f"{reference} ({exported.digest}): {exported.blobs} blobs{rest}, {amount(exported.bytes)}, in {path}")
    return Exit.OK


def _without(common: Common, lacks: str, place: Place, reach: Reach, beat: Beat) -> frozenset[str]:
    """Return what the other side has. An image of another registry is read as whoever `docker login` left here."""
    if not lacks:
        return frozenset()
    if Path(lacks).is_file():
        return lacking.read(Path(lacks))
    try:
        other = images.parse(lacks)
    except CliError as error:
        raise usage(f"--lacks {lacks}: there is no such file, and it names no image (REPO:TAG)") from error
    return places.look(places.beside(common, other.repo, place, reach, beat), other).digests()


def _export(image: Whole, reference: Reference, place: Place, path: Path, without: AbstractSet[str]) -> Exported:
    blobs = archive.held(image, without)
    with counter("exporting", sum(blob.size for blob in blobs)) as count, _fresh(path) as write:
        written = 0
        for piece in archive.frame(image, reference.tag, without):
            for block in (piece,) if isinstance(piece, bytes) else _blob(place, piece, count):
                write(block)
                written += len(block)
    left = len(image.blobs) - len(blobs)
    return Exported(str(reference), image.top.digest, str(path), len(blobs), written, left)


def _blob(place: Place, blob: Descriptor, count: Count) -> Iterator[bytes]:
    """Yield a blob, and at its end see that it is that. Raises CliError."""
    found = place.registry.pull(place.repo, blob.digest)
    if found is None:
        raise CliError(f"the blob {blob.digest} is not in {place.repo}: the image there is not whole")
    hasher = Hasher()
    for block in found:
        hasher.update(block)
        yield block
        count(len(block))
    if complaints := laws.check_named(blob, hasher.digest, hasher.size):
        raise CliError(f"a blob in {place.repo} is damaged: {complaints[0]}")


@contextmanager
def _fresh(path: Path) -> Generator[Callable[[bytes], None]]:
    """Yield what writes into a file that takes its name at the end; when anything is raised, nothing remains.

    What a killed export left under the same name is written over: its lock is free.
    """
    beside = path.with_name(f".{path.name}.shale-export")
    if not path.parent.is_dir():
        raise CliError(f"{path} cannot be written: {path.parent} is no folder; make it, or give another name")
    with disk.passing(f"write {path}"):
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        if not disk.try_lock(fd):
            raise CliError(f"another export into {path} is at work: wait for it, or give another name")
        try:
            os.ftruncate(fd, 0)
            yield lambda block: _write(path, fd, block)
            with disk.passing(f"write {path}"):
                os.fsync(fd)
                beside.replace(path)
                disk.sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)
    finally:
        os.close(fd)


def _write(path: Path, fd: int, block: bytes) -> None:
    with disk.passing(f"write {path}"):
        disk.write_all(fd, block)
