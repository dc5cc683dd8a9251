"""What is in an image, each thing with a name for its bytes: layers, files, and tensors where there are tables."""

import tarfile
from collections.abc import Iterator
from typing import Literal

import msgspec

from shale.cli import images
from shale.cli.anatomy import MOST_FILES, entries
from shale.cli.exits import CliError
from shale.cli.images import Image
from shale.cli.pulling import tables
from shale.cli.pulling.original import ORIGINALS
from shale.cli.ranged import Ranged
from shale.cli.registries import Store
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Hasher
from shale.oci.registry import BLOCK
from shale.oci.strict import below, members, stream
from shale.weights.table import Range

READ = 64 * 2**20
"""Bytes of a layer that is read whole, to name the bytes of its files; of a larger one only the headers are read."""


class Thing(msgspec.Struct, frozen=True):
    """A layer, a file or a tensor; `by` says how its bytes are named by `same`, and `where` it lies."""

    name: str
    size: int
    same: str
    by: Literal["content", "alone", "layer"] = "content"
    where: str = ""

    def like(self, other: "Thing") -> bool | None:
        """Say whether the other one has the same bytes; None when that is not known.

        Who is `alone` in a layer has other bytes when the layer has; who shares a `layer` may have the same.
        """
        if self.size != other.size:
            return False
        if (self.by, self.same) == (other.by, other.same):
            return True
        return None if self.by != other.by or self.by == "layer" else False


class Contents(msgspec.Struct, frozen=True):
    """All of one image; `untabled` are the names of layers that hold safetensors files and have no table."""

    image: Image
    files: dict[str, Thing]
    tensors: dict[str, Thing]
    untabled: tuple[str, ...]

    @property
    def layers(self) -> dict[str, Thing]:
        """The layers by digest."""
        title = self.image.titles
        return {one.digest: Thing(title.get(one.digest, ""), one.size, one.digest) for one in self.image.layers}


def look(store: Store, image: Image, known: frozenset[str]) -> Contents:
    """Look at everything; of layers that are `known` in the other image no file is read. Raises CliError, Transient."""
    found = tables.find(store.registry, image, worth=0)
    files: dict[str, Thing] = {}
    untabled: list[str] = []
    for layer in image.layers:
        images.check_plain(image, layer)
        came = {one.name: one for one in _files(store, image, layer, known=layer.digest in known)}
        files |= came
        if layer.digest not in found.of and any(map(_may_have_tensors, came)):
            untabled.append(image.title(layer))
    tensors = (one for table in found.of.values() for one in table.tensors)
    return Contents(image, files, {_key(one): _tensor(one) for one in tensors}, tuple(untabled))


def _may_have_tensors(path: str) -> bool:
    return path.endswith(".safetensors") and not path.startswith(f"{ORIGINALS}/")


def _key(one: Range) -> str:
    """Name a tensor within its checkpoint: shards of one lie in one folder, and may be cut in another way."""
    folder, slash, _ = one.file.rpartition("/")
    return f"{folder}{slash}{one.name}"


def _tensor(one: Range) -> Thing:
    return Thing(one.name, one.length, f"{one.digest} {one.dtype} {list(one.shape)}", where=one.file)


def _files(store: Store, image: Image, layer: Descriptor, *, known: bool) -> Iterator[Thing]:
    if layer.size <= READ and not known:
        yield from _read(store, image, layer)
        return
    try:
        with Ranged(store.registry, image.reference.repo, layer.digest, layer.size) as blob:
            listed = [one for one in entries(blob) if below(one.path) and one.mode[0] != "d"]
    except tarfile.TarError as error:
        raise _no_tar(image, layer, error) from error
    if len(listed) > MOST_FILES:
        raise CliError(
            f"{image.title(layer)} of {image.reference} holds more than {MOST_FILES} files: that is too many"
        )
    for one in listed:
        by = "alone" if len(listed) == 1 and not known else "layer"
        yield Thing(below(one.path), one.size, f"{layer.digest} {one.path}", by)


def _read(store: Store, image: Image, layer: Descriptor) -> Iterator[Thing]:
    blocks = images.blocks(store.registry, image, layer)
    try:
        with stream(blocks) as tar:
            for member in members(tar):
                if (path := below(member.name)) and not member.isdir():
                    yield Thing(path, member.size, _named(tar, member))
    except tarfile.TarError as error:
        raise _no_tar(image, layer, error) from error
    for _ in blocks:
        pass  # its digest is checked at its end


def _named(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    hasher = Hasher()
    contents = tar.extractfile(member) if member.isreg() else None
    while contents and (block := contents.read(BLOCK)):
        hasher.update(block)
    return f"{hasher.digest} {member.mode & 0o100} {member.linkname}"


def _no_tar(image: Image, layer: Descriptor, error: Exception) -> CliError:
    return CliError(
        f"{image.title(layer)} of {image.reference} is no uncompressed tar ({error}): it cannot be compared"
    )
