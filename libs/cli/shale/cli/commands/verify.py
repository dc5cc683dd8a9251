"""`shale verify`: whether an image is whole and its documents agree; with a folder, whether its files are the same."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from shale.cli import images
from shale.cli.common import Common
from shale.cli.compare import Against
from shale.cli.exits import CliError, Exit, usage
from shale.cli.images import Image
from shale.cli.progress import meter
from shale.cli.pulling.original import ORIGINALS
from shale.cli.registries import Reach, Store, opened
from shale.cli.screen import line, note, say
from shale.oci import laws
from shale.oci.descriptor import Descriptor
from shale.oci.manifest import MAX_BYTES
from shale.oci.registry import Registry


class Options(msgspec.Struct, frozen=True):
    """`directory` may be empty: then only the image itself is looked at."""

    image: str
    directory: str = ""
    secret: str = ""
    insecure: bool = False


class Verified(msgspec.Struct, frozen=True):
    """What was looked at, and everything that is wrong, one line each."""

    image: str
    digest: str
    layers: int
    bytes: int
    files: int
    complaints: list[str]


def run(common: Common, options: Options) -> int:
    """Verify; every complaint is a line, and any of them is exit code 1."""
    store = opened(common, images.parse(options.image).repo, Reach(options.secret, options.insecure))
    found = verify(store, options.image, Path(options.directory) if options.directory else None)
    if common.machine:
        line(msgspec.to_builtins(found), common.output)
        return Exit.FAILED if found.complaints else Exit.OK
    for complaint in found.complaints:
        note(complaint)
    if found.complaints:
        raise CliError(f"{found.image} ({found.digest}) is not as it should be, in {len(found.complaints)} places")
    beside = f", {found.files} files equal to those in {options.directory}" if options.directory else ""
    say(f"{found.image} ({found.digest}): {found.layers} layers, {found.bytes} bytes, all digests right{beside}")
    return Exit.OK


def verify(store: Store, name: str, directory: Path | None = None) -> Verified:
    """Look at everything once. Raises CliError when there is no such image or folder."""
    if directory is not None and not directory.is_dir():
        raise usage(f"{directory} is no folder: give the one to compare with")
    registry, image = store.registry, images.find(store, images.parse(name))
    complaints = [*_documents(registry, image)]
    against = Against(directory) if directory is not None else None
    with meter("verifying", sum(layer.size for layer in image.layers)) as passing:
        for layer in image.layers:
            try:
                images.check_plain(image, layer)
                blocks = passing(images.blocks(registry, image, layer))
                _read(against, blocks)
            except (CliError, OSError, EOFError) as error:
                complaints.append(str(error))
    if against is not None:
        against.finish()
        complaints += _given_back(against) or against.complaints
    size = sum(layer.size for layer in image.layers)
    files = against.files if against else 0
    return Verified(str(image.reference), image.top.digest, len(image.layers), size, files, complaints)


def _given_back(against: Against) -> list[str]:
    """Say in one line that a folder holds the source's own files, where all of the image's tiles are missing."""
    kept = [path for path in against.missing if path.startswith(f"{ORIGINALS}/")]
    if not kept or (against.folder / ORIGINALS).exists():
        return []
    cure = "they were proven then; what is compared here is a pull without it"
    return [f"{against.folder} holds the source's own files, as `shale pull --original` gives them back: {cure}"]


def _read(against: Against | None, blocks: Iterator[bytes]) -> None:
    """Compare a layer with the folder, if there is one, and read it to its end in any case: that checks its digest."""
    try:
        if against is not None:
            against.layer(blocks)
    except tarfile.TarError as error:
        _drain(blocks)  # a damaged layer is told as damaged, whatever its bytes looked like
        raise CliError(f"a layer is no uncompressed tar ({error}): only images of Shale's can be compared") from error
    _drain(blocks)


def _drain(blocks: Iterator[bytes]) -> None:
    for _ in blocks:
        pass


def _documents(registry: Registry, image: Image) -> Iterator[str]:
    """Hold manifests, configs and the ModelPack manifest against one another."""
    for digest, document in image.manifests.items():
        config = _config(registry, image.reference.repo, document.config)
        if config is None:
            yield f"the config {document.config.digest} of {digest} is not there"
        else:
            check = (
                laws.check(document.config, config) if document.artifact_type else laws.check_image(document, config)
            )
            yield from check
    if image.index is not None:
        yield from laws.check_index(image.index, image.manifests)
        pack = images.model_pack(registry, image.reference.repo, image.top)
        if pack is not None:
            yield from laws.check_model_pack(pack, image.top, next(iter(image.manifests.values())))


def _config(registry: Registry, repo: str, config: Descriptor) -> bytes | None:
    size = registry.has(repo, config.digest)
    if size is not None and size > MAX_BYTES:
        return b""  # no config is so large; its size is then complained of
    found = registry.pull(repo, config.digest)
    return None if found is None else b"".join(found)
