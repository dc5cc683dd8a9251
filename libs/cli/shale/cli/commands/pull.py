"""`shale pull`: an image's files, as they were when it was packed; every byte is checked against its digest."""

from pathlib import Path

import msgspec

from shale.cli import folders, images
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.images import Image
from shale.cli.progress import Passing, meter
from shale.cli.registries import Reach, Store, opened
from shale.cli.screen import line, say
from shale.oci.registry import Registry
from shale.oci.unpack import Unsafe, unpack


class Options(msgspec.Struct, frozen=True):
    """`force`: write into a folder that holds files, over those of the image; others stay."""

    image: str
    directory: str
    force: bool = False
    secret: str = ""
    insecure: bool = False


class Pulled(msgspec.Struct, frozen=True):
    """What was written."""

    image: str
    digest: str
    directory: str
    files: int
    bytes: int


def run(common: Common, options: Options) -> int:
    """Pull, and say what came."""
    store = opened(common, images.parse(options.image).repo, Reach(options.secret, options.insecure))
    pulled = pull(store, options.image, Path(options.directory), force=options.force)
    if common.machine:
        line(msgspec.to_builtins(pulled), common.output)
    else:
        say(f"{pulled.image} ({pulled.digest}): {pulled.files} files, {pulled.bytes} bytes, into {pulled.directory}")
    return Exit.OK


def pull(store: Store, name: str, directory: Path, *, force: bool = False) -> Pulled:
    """Write the files of an image of an open registry. Raises CliError; then a new folder is not there."""
    registry, folder = store.registry, directory.absolute()
    image = images.find(store, images.parse(name))
    if not folder.name:
        raise usage(f"{directory} is the root of this machine: give a folder")
    if force and folder.exists():
        _check(registry, image)  # before a byte is written over another
        return _into(registry, image, folder, folder)
    folders.check_free(folder)
    with folders.fresh(folder) as beside:
        return _into(registry, image, beside, folder)


def _check(registry: Registry, image: Image) -> None:
    with meter("checking", sum(layer.size for layer in image.layers)) as passing:
        for layer in image.layers:
            for _ in passing(images.blocks(registry, image, layer)):
                pass


def _into(registry: Registry, image: Image, folder: Path, named: Path) -> Pulled:
    with meter("pulling", sum(layer.size for layer in image.layers)) as passing:
        done = [_layer(registry, image, at, folder, passing) for at in range(len(image.layers))]
    files, size = sum(count for count, _ in done), sum(size for _, size in done)
    return Pulled(str(image.reference), image.top.digest, str(named), files, size)


def _layer(registry: Registry, image: Image, at: int, folder: Path, passing: Passing) -> tuple[int, int]:
    """Unpack one layer; return how many files and bytes it brought."""
    layer = image.layers[at]
    blocks = passing(images.blocks(registry, image, layer))
    match unpack(blocks, folder):
        case Unsafe(_, message):
            for _ in blocks:
                pass  # a damaged layer is told as damaged, whatever its bytes looked like
            raise CliError(f"{image.title(layer)} of {image.reference}: {message}")
        case unpacked:
            for _ in blocks:
                pass  # the digest is of all bytes, those behind the tar's end too
            return len(unpacked.paths), unpacked.size
