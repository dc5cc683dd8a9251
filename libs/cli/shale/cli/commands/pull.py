"""`shale pull`: an image's files, as they were when it was packed; every byte is checked against its digest."""

from pathlib import Path

import msgspec

from shale.cli import folders, images
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.folders import Coming
from shale.cli.images import Image
from shale.cli.pulling.puller import Came, Puller
from shale.cli.registries import Reach, Store, opened
from shale.cli.screen import line, say
from shale.contracts.amounts import amount
from shale.oci.unpack import Unsafe, settle


class Options(msgspec.Struct, frozen=True):
    """`force`: write into a folder that holds files, over those of the image; others stay.

    `have`: folders whose files may hold parts of the image. `original`: the source's files, if it was cut into tiles.
    """

    image: str
    directory: str
    force: bool = False
    have: tuple[str, ...] = ()
    original: bool = False
    secret: str = ""
    insecure: bool = False


class How(msgspec.Struct, frozen=True):
    """See `Options`."""

    force: bool = False
    have: tuple[Path, ...] = ()
    original: bool = False


AS_IT_IS = How()


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
    proven: int = 0
    """Tensors of source files that were made from tiles, found to be those of the image's tables."""


def run(common: Common, options: Options) -> int:
    """Pull, and say what came."""
    have = tuple(_folder(name) for name in options.have)
    store = opened(common, images.parse(options.image).repo, Reach(options.secret, options.insecure))
    how = How(options.force, have, options.original)
    pulled = pull(store, options.image, Path(options.directory), how)
    if common.machine:
        line(msgspec.to_builtins(pulled), common.output)
    else:
        came = f"{pulled.files} files, {pulled.bytes} bytes, into {pulled.directory}"
        whence = f"{amount(pulled.fetched)} fetched, {amount(pulled.reused)} at hand, {pulled.seconds:.1f} s"
        proof = f"; the source's own files, {pulled.proven} tensors proven" if pulled.proven else ""
        say(f"{pulled.image} ({pulled.digest}): {came}: {whence}{proof}")
    return Exit.OK


def pull(store: Store, name: str, directory: Path, how: How = AS_IT_IS) -> Pulled:
    """Write the files of an image of an open registry. Raises CliError; then a new folder is not there."""
    folder = directory.absolute()
    image = images.find(store, images.parse(name))
    if not folder.name:
        raise usage(f"{directory} is the root of this machine: give a folder")
    if how.force and folder.exists():
        return _over(store, image, folder, how)
    folders.check_free(folder)
    with folders.fresh(folder) as coming:
        came = _come(store, image, coming, how)
    return _pulled(image, folder, came)


def _over(store: Store, image: Image, folder: Path, how: How) -> Pulled:
    """Write over the files of a folder, which are at hand as well."""
    with folders.within(folder) as coming:
        came = _come(store, image, coming, msgspec.structs.replace(how, have=(folder, *how.have)))
        if isinstance(found := settle(coming.files, folder), Unsafe):
            raise CliError(f"{image.reference}: {found.message}")
    return _pulled(image, folder, came)


def _come(store: Store, image: Image, coming: Coming, how: How) -> Came:
    puller = Puller(store, image, how.have, coming)
    came = puller.run()
    return puller.restore(came) if how.original else came


def _pulled(image: Image, folder: Path, came: Came) -> Pulled:
    where = str(image.reference), image.top.digest, str(folder)
    return Pulled(*where, came.files, came.bytes, came.fetched, came.reused, came.seconds, came.proven)


def _folder(name: str) -> Path:
    folder = Path(name).absolute()
    if not folder.is_dir():
        raise usage(f"--have {name} is no folder: give one with safetensors files, or leave it out")
    return folder
