"""What is at hand: the tensors and files of folders on this machine. Everything here is a hint that is checked later.

A file may be cut short, change while it is read, or lie about itself: what is made of it is proven by its digest.
"""

import os
import stat
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path

import msgspec
from blake3 import blake3

from shale.cli import folders
from shale.cli.pulling.recipe import Held
from shale.weights import safetensors
from shale.weights.safetensors import Broken, Header
from shale.weights.table import Range

THREADS = min(4, os.cpu_count() or 1)
"""Files are hashed by so many at once: a disk has no more to give."""
BLOCK = 2**20
MOST_FILES = 20_000
"""Safetensors files that are looked into; the largest model has some hundred."""
LONGEST = 8 * 2**20
"""Bytes of a header that is read here: as many as of those in a table."""

Kind = tuple[str, int]
"""What must be alike before a tensor is hashed: dtype and bytes."""


class Lying(msgspec.Struct, frozen=True):
    """One tensor of a file."""

    kind: Kind
    held: Held


class Shelf:
    """Folders in which to look, first those where most is hoped for."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = places

    @property
    def empty(self) -> bool:
        """Whether nothing at all lies there."""
        return not any(True for place in self._places if place.is_dir() for _ in place.iterdir())

    def tensors(self, wanted: Sequence[Range], count: Callable[[int], None]) -> dict[str, Held]:
        """Return where tensors lie, by digest, of those that are wanted; `count` is told of bytes that were hashed."""
        digests = {one.digest for one in wanted if one.length}
        kinds = {(one.dtype, one.length) for one in wanted if one.length}
        files = defaultdict[str, list[Lying]](list)
        for path in self._files():
            files[str(path)] = [one for one in _lying(path) if one.kind in kinds]
        found: dict[str, Held] = {}
        with ThreadPoolExecutor(THREADS, thread_name_prefix="hash") as pool:
            for named in pool.map(_hashed, files, files.values(), repeat(count)):
                for digest, held in named:
                    found.setdefault(digest, held)
        return {digest: held for digest, held in found.items() if digest in digests}

    def file(self, path: str) -> Iterator[tuple[str, int]]:
        """Yield the files at this path below the folders, and their sizes."""
        for folder in self._places:
            with suppress(OSError):
                there = (folder / path).stat()
                if stat.S_ISREG(there.st_mode) and there.st_size:
                    yield str(folder / path), there.st_size

    def _files(self) -> Iterator[Path]:
        left = MOST_FILES
        for folder in self._places:
            for above, inner, names in os.walk(folder):
                inner[:] = sorted(name for name in inner if not name.endswith(folders.MARK))
                for name in sorted(names):
                    if name.endswith(".safetensors"):
                        if not left:
                            return
                        left -= 1
                        yield Path(above, name)


@contextmanager
def opened(path: str) -> Generator[int]:
    """Open a file to read, which is a regular one. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(None, "it is no file", path)
        yield fd
    finally:
        os.close(fd)


def blocks(fd: int, start: int, end: int) -> Iterator[bytes]:
    """Yield what a file holds from `start` to `end`; less, where it ends before. Raises OSError."""
    while start < end and (block := os.pread(fd, min(BLOCK, end - start), start)):
        start += len(block)
        yield block


def _lying(path: Path) -> list[Lying]:
    """Return the tensors that lie in a file whole, also in one that is cut short; none where there is no header."""
    try:
        with opened(str(path)) as fd:
            size = os.fstat(fd).st_size
            header = _header(fd, size)
    except OSError:
        return []
    if isinstance(header, Broken):
        return []
    return [
        Lying((one.dtype, one.size), Held(str(path), header.length + one.start))
        for one in header.tensors
        if one.size and header.length + one.end <= size
    ]


def _header(fd: int, size: int) -> Header | Broken:
    whole = safetensors.length(os.pread(fd, safetensors.PREFIX, 0), size)
    if isinstance(whole, Broken):
        return whole
    if whole > LONGEST:
        return Broken(0, "the header is too long")
    data = os.pread(fd, whole, 0)
    return safetensors.parse(data, max(size, whole + claimed(data)))


def claimed(header: bytes) -> int:
    """Return how many bytes of data a header speaks of."""
    try:
        found = msgspec.json.decode(header[safetensors.PREFIX :], type=dict[str, _Entry])
    except (msgspec.MsgspecError, RecursionError):
        return 0
    return max((max(one.data_offsets, default=0) for one in found.values()), default=0)


class _Entry(msgspec.Struct, frozen=True):
    data_offsets: tuple[int, ...] = ()


def _hashed(path: str, lying: list[Lying], count: Callable[[int], None]) -> list[tuple[str, Held]]:
    """Return the digests of what lies in a file. What goes wrong with it leaves the rest out."""
    named: list[tuple[str, Held]] = []
    with suppress(OSError), opened(path) as fd:
        for one in lying:
            hasher, (_, length) = blake3(), one.kind
            for block in blocks(fd, one.held.offset, one.held.offset + length):
                hasher.update(block)
                count(len(block))
            named.append((f"blake3:{hasher.hexdigest()}", one.held))
    return named
