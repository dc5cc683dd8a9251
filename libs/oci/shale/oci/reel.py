"""A body as it is read on its way: from any byte on, as often as it takes, and each byte hashed once."""

from collections.abc import Callable, Generator, Iterable, Iterator

import msgspec

from shale.oci.digest import Block, Hasher
from shale.oci.registry import Body, Mismatch, Pushed

_LOST = -1


class Other(Exception):  # noqa: N818 (it never leaves this package)
    """The bytes are not those that were announced; said before the last of them was handed out."""

    def __init__(self, mismatch: Mismatch) -> None:
        super().__init__(mismatch)
        self.mismatch = mismatch


class Reel:
    """One body; `moved` is told after each piece how many bytes were hashed. Not for several threads at once."""

    def __init__(self, body: Body, expected: str, moved: Callable[[int], None]) -> None:
        """With an `expected` digest, the last byte of another body is never handed out."""
        self.size, self._body, self._expected, self._moved = body.size, body, expected, moved
        self._hasher = Hasher()
        self._blocks: Iterator[Block] = iter(())
        self._rest, self._at = memoryview(b""), _LOST

    def span(self, start: int, end: int) -> Iterable[memoryview]:
        """Return the bytes from `start` to `end`, which may be read again and again."""
        return _Span(self, start, end)

    def pushed(self) -> Pushed:
        """Return what the body is as a blob, reading what was not read yet. Raises Other."""
        for _ in self.read(self.size, self.size):
            pass
        self._check()
        return Pushed(self._hasher.digest, self.size)

    def read(self, start: int, end: int) -> Generator[memoryview]:
        """Yield the bytes from `start` to `end`; what lies before them and was not hashed yet is read for that alone.

        Raises Other, what the body and `moved` raise, and ValueError when it is not of its size.
        """
        self._wind(min(start, self._hasher.size))
        while self._at < end:
            skips = self._at < start
            piece = self._take((start if skips else end) - self._at)
            if not skips:
                yield piece
            self._moved(self._hasher.size)
        if end == self.size and (self._rest or any(self._blocks)):
            raise ValueError(f"a body of {self.size} bytes has more")

    def close(self) -> None:
        """Let go of what is read."""
        self._at = _LOST
        if close := getattr(self._blocks, "close", None):  # a generator's, which holds a file
            close()

    def _wind(self, start: int) -> None:
        if self._at != start:
            self.close()
            self._blocks, self._rest, self._at = self._body.blocks(start), memoryview(b""), start

    def _take(self, most: int) -> memoryview:
        at, self._at = self._at, _LOST  # what raises in here has to be read anew
        self._rest = self._rest or memoryview(next((block for block in self._blocks if len(block)), b""))
        piece, self._rest = self._rest[:most], self._rest[most:]
        if not piece:
            raise ValueError(f"a body of {self.size} bytes ended after {at}")
        self._at = at + len(piece)
        if self._at > self._hasher.size:
            self._hasher.update(piece[self._hasher.size - at :])
            self._check()
        return piece

    def _check(self) -> None:
        if self._hasher.size == self.size and self._expected not in {"", self._hasher.digest}:
            raise Other(Mismatch(self._expected, self._hasher.digest))


class _Span(msgspec.Struct, frozen=True):
    reel: Reel
    start: int
    end: int

    def __iter__(self) -> Iterator[memoryview]:
        return self.reel.read(self.start, self.end)
