"""A layer's bytes in their order, put together from what is at hand and ranges of its blob; proven at their end."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing

from shale.cli.pulling import shelf
from shale.cli.pulling.recipe import Held, Part, Recipe
from shale.contracts.errors import Transient
from shale.oci import laws
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Hasher
from shale.oci.registry import Registry


class Unproven(Exception):  # noqa: N818 (it never leaves this package)
    """What was put together is not the layer; the message says why."""


class Blob:
    """A layer's blob in a registry; `fetched` counts the bytes that came."""

    def __init__(self, registry: Registry, repo: str, layer: Descriptor) -> None:
        self._registry, self._repo, self._layer = registry, repo, layer
        self.fetched = 0

    def counted(self, blocks: Iterable[bytes]) -> Generator[bytes]:
        """Yield the blocks of the blob."""
        for block in blocks:
            self.fetched += len(block)
            yield block

    def part(self, start: int, end: int) -> Generator[bytes]:
        """Yield a range. Raises Transient; NoRangesError, where the registry has none."""
        found = self._registry.pull(self._repo, self._layer.digest, start, end)
        if found is None:
            raise Transient(f"{self._layer.digest} in {self._repo} is not there any more")
        yield from self.counted(found)


def assembled(blob: Blob, layer: Descriptor, recipe: Recipe) -> Iterator[bytes]:
    """Yield the layer by its recipe. Raises Unproven, the latest at its end; Transient, and NoRangesError."""
    hasher = Hasher()
    for part in recipe:
        with closing(blob.part(part.start, part.end) if part.held is None else _held(part, part.held)) as blocks:
            for block in blocks:
                hasher.update(block)
                yield block
    if laws.check_named(layer, hasher.digest, hasher.size):
        raise Unproven("what was put together from files at hand has another digest: they lie, or changed meanwhile")


def _held(part: Part, held: Held) -> Generator[bytes]:
    left = part.end - part.start
    try:
        with shelf.opened(held.path) as fd:
            for block in shelf.blocks(fd, held.offset, held.offset + left):
                left -= len(block)
                yield block
    except OSError as error:
        raise Unproven(f"{held.path} cannot be read any more ({error.strerror})") from error
    if left:
        raise Unproven(f"{held.path} was cut short while it was read")
