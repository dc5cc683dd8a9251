"""Blobs on their way into a layout directory.

Each is a file of its own whose owner holds its lock: what a killed process left behind is known by its free lock.
"""

import os
import uuid
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from shale.oci import disk
from shale.oci.reel import Other, Reel
from shale.oci.registry import Body, Mismatch, Pushed, unheard

_TRIES = 8


class FileUpload:
    """One blob being written; `publish` gives the finished file its name."""

    def __init__(self, path: Path, fd: int, known: str, publish: Callable[[Path, str], None]) -> None:
        self._path, self._fd, self._known, self._publish = path, fd, known, publish

    def place(self) -> str:
        """Return no place: a disk is quicker written again than an upload in a folder is kept."""
        return ""

    def keep(self) -> str:
        """Keep nothing."""
        return ""

    def send(
        self, body: Body, expected: str | None = None, moved: Callable[[int], None] = unheard
    ) -> Pushed | Mismatch:
        """Write and hash, flush, then publish."""
        with closing(Reel(body, expected or self._known, moved)) as reel:
            try:
                pushed = self._written(reel)
            except Other as other:
                return other.mismatch
        with disk.passing(f"publish the blob {pushed.digest}"):
            os.fsync(self._fd)
            self._publish(self._path, pushed.digest)
        return pushed

    def _written(self, reel: Reel) -> Pushed:
        for piece in reel.read(0, reel.size):
            with disk.passing(f"write the blob {self._path}"):
                disk.write_all(self._fd, piece)
        return reel.pushed()


@contextmanager
def begin(folder: Path, known: str, publish: Callable[[Path, str], None]) -> Generator[FileUpload]:
    """Make an upload in `folder` of what is `known` of its digest; its file is gone afterwards, published or not."""
    with disk.passing(f"begin an upload in {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        path, fd = _own(folder)
    try:
        yield FileUpload(path, fd, known, publish)
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def sweep(folder: Path) -> None:
    """Remove what processes that died left in `folder`."""
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            _sweep(path)


def _sweep(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if disk.try_lock(fd):
            path.unlink()
    finally:
        os.close(fd)


def _own(folder: Path) -> tuple[Path, int]:
    """Make a file and take its lock; between the two a sweeper may have taken it for a dead one's."""
    for _ in range(_TRIES):
        path = folder / uuid.uuid4().hex
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        if disk.try_lock(fd) and os.fstat(fd).st_nlink:
            return path, fd
        os.close(fd)
    raise RuntimeError(f"{folder} was swept {_TRIES} times while an upload began: is something else deleting there?")
