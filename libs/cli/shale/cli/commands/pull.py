"""`shale pull`: an image's files, as they were when it was packed; every byte is checked against its digest."""

from pathlib import Path

import msgspec

from shale.cli import folders, images
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.images import Image
from shale.cli.pulling.puller import Came, Puller
from shale.cli.registries import Reach, Store, opened
from shale.cli.screen import line, say
from shale.contracts.amounts import amount
from shale.oci.unpack import Unsafe, settle


class Options(msgspec.Struct, frozen=True):
    """`force`: write into a folder that holds files, over those of the image; others stay.

    `have`: folders whose files may hold parts of the image.
    """

    image: str
    directory: str
    force: bool = False
    have: tuple[str, ...] = ()
    secret: str = ""
    insecure: bool = False


class Pulled(msgspec.Struct, frozen=True):
    """What was written; of its bytes and their framing `fetched` came from the registry, and `reused` were at hand."""

    image: str
    digest: str
    directory: str
    files: int
    bytes: int
    fetched: int
    reused: int
    seconds: float


def run(common: Common, options: Options) -> int:
    """Pull, and say what came."""
    have = tuple(_folder(name) for name in options.have)
    store = opened(common, images.parse(options.image).repo, Reach(options.secret, options.insecure))
    pulled = pull(store, options.image, Path(options.directory), force=options.force, have=have)
    if common.machine:
        line(msgspec.to_builtins(pulled), common.output)
    else:
        came = f"{pulled.files} files, {pulled.bytes} bytes, into {pulled.directory}"
        whence = f"{amount(pulled.fetched)} fetched, {amount(pulled.reused)} at hand, {pulled.seconds:.1f} s"
        say(f"{pulled.image} ({pulled.digest}): {came}: {whence}")
    return Exit.OK


def pull(store: Store, name: str, directory: Path, *, force: bool = False, have: tuple[Path, ...] = ()) -> Pulled:
    """Write the files of an image of an open registry. Raises CliError; then a new folder is not there."""
    folder = directory.absolute()
    image = images.find(store, images.parse(name))
    if not folder.name:
        raise usage(f"{directory} is the root of this machine: give a folder")
    if force and folder.exists():
        return _over(store, image, folder, have)
    folders.check_free(folder)
    with folders.fresh(folder) as coming:
        came = Puller(store.registry, image, have, coming).run()
    return _pulled(image, folder, came)


def _over(store: Store, image: Image, folder: Path, have: tuple[Path, ...]) -> Pulled:
    """Write over the files of a folder, which are at hand as well."""
    with folders.within(folder) as coming:
        came = Puller(store.registry, image, (folder, *have), coming).run()
        if isinstance(found := settle(coming.files, folder), Unsafe):
            raise CliError(f"{image.reference}: {found.message}")
    return _pulled(image, folder, came)


def _pulled(image: Image, folder: Path, came: Came) -> Pulled:
    where = str(image.reference), image.top.digest, str(folder)
    return Pulled(*where, came.files, came.bytes, came.fetched, came.reused, came.seconds)


def _folder(name: str) -> Path:
    folder = Path(name).absolute()
    if not folder.is_dir():
        raise usage(f"--have {name} is no folder: give one with safetensors files, or leave it out")
    return folder
