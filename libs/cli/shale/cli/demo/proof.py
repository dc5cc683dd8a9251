"""What the demo proves: files equal byte by byte, and weights that were not written twice."""

import shutil
from pathlib import Path

import msgspec

from shale.cli.commands.pull import pull
from shale.cli.commands.verify import verify
from shale.cli.compare import trees
from shale.cli.demo.shelf import Shelf
from shale.cli.exits import CliError
from shale.cli.registries import Store
from shale.contracts.amounts import amount
from shale.contracts.artifact import PackedLayer
from shale.contracts.resources import ModelVersion


class Blob(msgspec.Struct, frozen=True):
    """A blob as the disk has it: another inode or another time of writing, and it was written again."""

    digest: str
    inode: int
    written: int


def pinned(version: ModelVersion) -> str:
    """Return the image by its digest."""
    return f"{version.spec.image_repo}@{version.status.digest}"


def equal(store: Store, version: ModelVersion, source: Path, into: Path) -> str:
    """Pull the image, compare every file with its source, and verify the image itself; return what was found.

    Raises CliError with the first difference. The folder `into` is removed again.
    """
    pulled = pull(store, pinned(version), into)
    try:
        differences = trees(source, into)
    finally:
        shutil.rmtree(into)
    differences += verify(store, pinned(version), source).complaints
    if differences:
        more = f" and {len(differences) - 1} more differences" if differences[1:] else ""
        raise CliError(f"{pinned(version)} is not what was packed: {differences[0]}{more}")
    return f"{pulled.files} files, {amount(pulled.bytes)}: every one byte-equal to its source; all digests right"


def weights(shelf: Shelf, version: ModelVersion) -> tuple[Blob, ...]:
    """Return the blobs of the version's weights."""
    return tuple(_blob(shelf, version, layer) for layer in version.status.layers if layer.role == "weight")


def unwritten(before: tuple[Blob, ...], shelf: Shelf, first: ModelVersion, second: ModelVersion) -> str:
    """Prove that the second version took the first one's weights as they lay there. Raises CliError otherwise."""
    if not before:
        return "no file of 16 MiB and more here: nothing to reuse"
    again = [layer for layer in second.status.layers if layer.role == "weight" and not layer.reused]
    if again:
        raise CliError(f"the weights {again[0].name} ({again[0].digest}) were sent again, though the registry has them")
    after = weights(shelf, second)
    if after != before:
        raise CliError(f"the weights' blobs were written again: {before} became {after}")
    if weights(shelf, first) != before:
        raise CliError("the first version's weights were written again by the second version")
    reused = sum(layer.size for layer in second.status.layers if layer.reused)
    sums = f"{amount(reused)} reused, {amount(second.status.bytes_new)} new"
    return f"{sums}; the weights' blobs have the same inode and mtime"


def _blob(shelf: Shelf, version: ModelVersion, layer: PackedLayer) -> Blob:
    found = shelf.blob(version.spec.image_repo, layer.digest).stat()
    return Blob(layer.digest, found.st_ino, found.st_mtime_ns)
