"""A blob as a file that can be sought in: what lies between is not fetched."""

import io
from collections.abc import Iterator
from contextlib import suppress

from shale.contracts.errors import Transient
from shale.oci.registry import BLOCK, Registry


class Ranged(io.RawIOBase):
    """A blob of `size` bytes. A short way forward is read on, any other is a new request; `fetched` counts bytes."""

    def __init__(self, registry: Registry, repo: str, digest: str, size: int) -> None:
        super().__init__()
        self._registry, self._repo, self._digest, self._size = registry, repo, digest, size
        self._at = 0
        self._blocks: Iterator[bytes] = iter(())
        self._block, self._start = b"", 0
        """The bytes in hand, and where they begin; what comes next from `_blocks` begins behind them."""
        self.fetched = 0

    def readable(self) -> bool:
        """Say that it is."""
        return True

    def seekable(self) -> bool:
        """Say that it is."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere; nothing is fetched by that."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Read from where we are; 0 at the end. Raises Transient, also when the blob is not there or too short."""
        if self._at >= self._size:
            return 0
        self._reach()
        found = self._block[self._at - self._start :][: len(buffer)]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        """Let go of the connection."""
        self._leave()
        super().close()

    def _reach(self) -> None:
        """Have the block in hand that holds the next byte."""
        end = self._start + len(self._block)
        if not self._start <= self._at < end + BLOCK or not end:
            self._leave()
            found = self._registry.pull(self._repo, self._digest, self._at)
            if found is None:
                raise Transient(f"{self._digest} in {self._repo} is not there any more")
            self._blocks, self._block, self._start = found, b"", self._at
        while self._at >= self._start + len(self._block):
            self._start += len(self._block)
            self._block = next(self._blocks, b"")
            self.fetched += len(self._block)
            if not self._block:
                raise Transient(f"{self._digest} in {self._repo} ended at byte {self._start} of {self._size}")

    def _leave(self) -> None:
        close = getattr(self._blocks, "close", None)
        if close is not None:
            with suppress(Transient):
                close()
        self._blocks = iter(())
