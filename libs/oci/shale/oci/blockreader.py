"""From an iterator of blocks to a file object, for libraries that want to read."""

import io
from collections.abc import Iterator


class BlockReader(io.RawIOBase):
    """Blocks as the file that `tarfile` wants; it holds one of them at a time."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fill as much of the buffer as the block at hand does; return how much that is, 0 at the end."""
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken
