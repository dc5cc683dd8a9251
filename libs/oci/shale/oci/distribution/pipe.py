"""From who writes blocks to who reads them, in two threads, with few of them in between."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import Empty, Full, Queue

from shale.oci.distribution.answer import Answer
from shale.oci.distribution.transport import Lost

_DEPTH = 4  # blocks of at most 1 MiB: the hash of one runs while another is sent
_LOOK = 0.5


class Left(Exception):  # noqa: N818 (it never leaves this package)
    """The writer went away: what was sent must not become a blob."""


class Pipe:
    """One writer, one reader; neither waits for ever for one that is gone."""

    def __init__(self, longest: float, heed: Callable[[], None]) -> None:
        self._blocks: Queue[bytes | None] = Queue(_DEPTH)
        self._longest, self._heed = longest, heed
        self._left = False

    def put(self, block: bytes | None, reader: Future[Answer]) -> bool:
        """Hand over a block, or None after the last; say False when the reader is done and takes no more."""
        for _ in range(int(self._longest / _LOOK) + 1):
            if reader.done():
                return False
            try:
                self._blocks.put(block, timeout=_LOOK)
            except Full:
                self._heed()
                continue
            return True
        raise Lost(f"nothing was taken for {self._longest:.0f} s")

    def leave(self) -> None:
        """Let the reader end without the rest."""
        self._left = True

    def __iter__(self) -> Iterator[bytes]:
        while (block := self._next()) is not None:
            yield block

    def _next(self) -> bytes | None:
        while not self._left:
            try:
                return self._blocks.get(timeout=_LOOK)
            except Empty:
                continue
        raise Left
