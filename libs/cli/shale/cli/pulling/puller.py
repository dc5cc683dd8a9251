"""An image's files into a folder: from what is at hand where that is proven, and the rest from the registry."""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from shale.cli import images
from shale.cli.exits import CliError
from shale.cli.folders import Coming
from shale.cli.images import Image
from shale.cli.progress import Passing, counter, meter
from shale.cli.pulling import original, recipe, tables
from shale.cli.pulling.assembling import Blob, Unproven, assembled
from shale.cli.pulling.recipe import Held, Recipe
from shale.cli.pulling.shelf import Shelf
from shale.cli.pulling.tables import Tables
from shale.cli.registries import Store
from shale.cli.screen import note
from shale.oci.descriptor import Descriptor
from shale.oci.registry import NoRangesError
from shale.oci.unpack import Unsafe, unpack

_START = "start"


class Came(msgspec.Struct, frozen=True):
    """What was unpacked, and where its bytes came from: `fetched` counts those of the tables too."""

    files: int
    bytes: int
    fetched: int
    reused: int
    seconds: float
    proven: int = 0
    """Tensors of files that were put together from tiles, found to be those of the tables."""


class Puller:
    """One image on its way into one folder."""

    def __init__(self, store: Store, image: Image, have: tuple[Path, ...], coming: Coming) -> None:
        self._registry, self._image, self._coming = store.registry, image, coming
        self._before, self._have, self._all = Shelf((coming.before,)), Shelf(have), Shelf((coming.before, *have))
        self._tables, self._found = Tables({}), dict[str, Held]()
        self._failed: set[tuple[str, str]] = set()
        """Layers for which what was at hand was not what it seemed, and by what it had been recognised."""
        self._ranges = True
        self._fetched = self._reused = 0

    def run(self) -> Came:
        """Have all layers in `files`, each proven. Raises CliError, Transient."""
        began = time.monotonic()
        for layer in self._image.layers:
            images.check_plain(self._image, layer)
        self._look()
        while (done := self._layers()) is None:
            self._coming.set_aside()
        files, size = sum(count for count, _ in done), sum(size for _, size in done)
        seconds = round(time.monotonic() - began, 3)
        return Came(files, size, self._fetched, self._reused, seconds)

    def restore(self, came: Came) -> Came:
        """Have the source's own files in `files`, where tiles were pulled. Raises CliError, Transient."""
        known = self._tables.of or tables.find(self._registry, self._image, worth=0).of
        ranges = (one for table in known.values() for one in table.tensors)
        spare = self._coming.files.with_name("restored")
        found = original.give_back(self._coming.files, spare, ranges)
        if not found.files:
            return came
        held = [path for path in self._coming.files.rglob("*") if path.is_file() or path.is_symlink()]
        size = sum(path.stat().st_size for path in held if not path.is_symlink())
        return msgspec.structs.replace(came, files=len(held), bytes=size, proven=found.proven)

    def _look(self) -> None:
        """Look for the tensors that are at hand."""
        if self._all.empty:
            return
        self._tables = tables.find(self._registry, self._image)
        self._fetched += self._tables.bytes
        for complaint in self._tables.complaints:
            note(complaint)
        wanted = [one for table in self._tables.of.values() for one in table.tensors]
        if wanted:
            with counter("looking", sum(one.length for one in wanted)) as count:
                self._found = self._all.tensors(wanted, count)

    def _layers(self) -> list[tuple[int, int]] | None:
        """Unpack every layer; None when one of them has to be had in another way: all begins again."""
        self._reused = 0
        done: list[tuple[int, int]] = []
        with meter("pulling", sum(layer.size for layer in self._image.layers)) as passing:
            for layer in self._image.layers:
                by, made = self._recipe(layer)
                try:
                    done.append(self._layer(layer, made, passing))
                    self._failed.discard((layer.digest, _START))  # what came is proven: it need not come again
                except Unproven as why:
                    note(f"{self._image.title(layer)} of {self._image.reference}: {why}: it is fetched anew")
                    self._failed |= {(layer.digest, by), (layer.digest, _START)}  # what is left of it is no better
                    return None
        return done

    def _layer(self, layer: Descriptor, made: Recipe, passing: Passing) -> tuple[int, int]:
        """Unpack one layer; return how many files and bytes it brought."""
        blob = Blob(self._registry, self._image.reference.repo, layer)
        try:
            with closing(self._blocks(blob, layer, made)) as blocks:
                passed = passing(blocks)
                found = unpack(passed, self._coming.files)
                for _ in passed:
                    pass  # the digest is of all bytes: a damaged layer is told as damaged, whatever they looked like
        finally:
            self._fetched += blob.fetched
        if isinstance(found, Unsafe):
            raise CliError(f"{self._image.title(layer)} of {self._image.reference}: {found.message}")
        self._reused += max(layer.size - blob.fetched, 0)
        spent = self._coming.spend(found.paths)
        self._found = {digest: held for digest, held in self._found.items() if held.path not in spent}
        return len(found.paths), found.size

    def _blocks(self, blob: Blob, layer: Descriptor, made: Recipe) -> Generator[bytes]:
        """Yield the layer's bytes. Raises Unproven when something at hand was not what it seemed."""
        begun = False
        try:
            for block in assembled(blob, layer, made) if made else ():
                begun = True
                yield block
        except NoRangesError as error:
            if begun:
                raise Unproven(str(error)) from error
            note(f"{error}: whole layers are fetched")
            self._ranges = False
        if not begun:
            yield from blob.counted(images.blocks(self._registry, self._image, layer))

    def _recipe(self, layer: Descriptor) -> tuple[str, Recipe]:
        """Return the recipe by which the least is fetched, and what it goes by; none where all is."""
        made = [(by, one) for by, one in self._recipes(layer) if (layer.digest, by) not in self._failed]
        whole = ("", ())
        return min((whole, *made), key=lambda one: recipe.fetched(one[1]) if one[1] else layer.size)

    def _recipes(self, layer: Descriptor) -> Iterator[tuple[str, Recipe]]:
        if not self._ranges:
            return
        table, path = self._tables.of.get(layer.digest), recipe.path_of(self._image.titles.get(layer.digest, ""))
        if table is not None:
            yield "tensors", recipe.of_tensors(table, self._found)
        for held, size in self._before.file(path) if path else ():
            yield _START, recipe.of_file(layer.size, path, held, size, whole=False)
        for held, size in self._have.file(path) if path and table is None else ():
            yield held, recipe.of_file(layer.size, path, held, size, whole=True)
