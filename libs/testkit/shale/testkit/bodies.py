"""Bodies as tests want them: cut as told, in one buffer that is used again, left half-way."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec

from shale.oci.digest import Block
from shale.oci.registry import Body, Data, Registry, Upload


class Cut(msgspec.Struct, frozen=True):
    """A body in blocks of `most` bytes, all in one buffer; `opened` holds the offsets from which it was read.

    It says that it has so many `more` bytes than it has.
    """

    data: bytes
    most: int
    more: int = 0
    opened: list[int] = []

    @property
    def size(self) -> int:
        """See `Body.size`."""
        return len(self.data) + self.more

    def blocks(self, offset: int = 0) -> Iterator[Block]:
        """See `Body.blocks`."""
        self.opened.append(offset)
        buffer = bytearray(self.most)
        for at in range(offset, len(self.data), self.most):
            block = self.data[at : at + self.most]
            buffer[: len(block)] = block
            yield memoryview(buffer)[: len(block)]
            buffer[:] = bytes(self.most)


class Ended(msgspec.Struct, frozen=True):
    """A body whose blocks end in an error, after so many bytes of what it promised."""

    data: bytes
    after: int
    error: Exception

    @property
    def size(self) -> int:
        """See `Body.size`."""
        return len(self.data)

    def blocks(self, offset: int = 0) -> Iterator[Block]:
        """See `Body.blocks`."""
        yield self.data[offset : self.after]
        raise self.error


class Enough(Exception):  # noqa: N818 (an order, not a mistake)
    """What stops a body half-way."""


def stop(after: int) -> Callable[[int], None]:
    """Return what an upload may tell how far it is, and stops it after so many bytes."""

    def moved(done: int) -> None:
        if done >= after:
            raise Enough

    return moved


def send_some(upload: Upload, body: bytes | Body, after: int) -> None:
    """Send the beginning of a body, and stop, as who is told to."""
    with suppress(Enough):
        upload.send(Data(body) if isinstance(body, bytes) else body, moved=stop(after))


def left(registry: Registry, repo: str, body: bytes | Body, after: int) -> str:
    """Send the beginning of a body and leave it there; return the place."""
    with registry.upload(repo) as upload:
        send_some(upload, body, after)
        return upload.keep()
