"""Bytes held until they are sent, in one piece of memory that is used again."""

from mmap import mmap

from shale.oci.digest import Block


class Buffer:
    """At most `bound` bytes; it never moves under a view that somebody holds.

    Pages of the kernel's own: they cost nothing before they are written, and the heap keeps nothing of them afterwards
    (of four threads with 5 MiB each it kept 30 MB).
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._held = mmap(-1, bound)
        self._fill = 0

    def __len__(self) -> int:
        return self._fill

    @property
    def full(self) -> bool:
        """Say whether nothing more fits."""
        return self._fill >= self.bound

    def take(self, block: Block) -> int:
        """Copy as much of `block` as fits; return how much that is."""
        taken = min(len(block), self.bound - self._fill)
        if self._fill + taken > len(self._held):
            larger = mmap(-1, self.bound)
            larger[: self._fill] = self._held[: self._fill]
            self._held = larger
        self._held[self._fill : self._fill + taken] = memoryview(block)[:taken]
        self._fill += taken
        return taken

    def view(self, start: int = 0) -> memoryview:
        """Return what is held, from `start` on."""
        return memoryview(self._held)[start : self._fill]

    def clear(self) -> None:
        """Hold nothing."""
        self._fill = 0
