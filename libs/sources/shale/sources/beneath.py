"""Opening files below a folder so that no link, and nobody who swaps one in meanwhile, leads out of it."""

import os
from collections.abc import Generator
from contextlib import contextmanager

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""Without waiting: what was a file may have become a pipe that nobody writes to."""


def open_beneath(folder: int, path: str, flags: int) -> int:
    """Open `path` component by component from the open folder on; OSError when any of them is a link.

    ValueError when the path itself would leave.
    """
    parts = path.split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        raise ValueError(f"{path!r} is not a path below a folder")
    held = os.dup(folder)
    try:
        for part in parts[:-1]:
            below = os.open(part, FOLDER, dir_fd=held)
            os.close(held)
            held = below
        return os.open(parts[-1], flags, dir_fd=held)
    finally:
        os.close(held)


@contextmanager
def opened(root: str, path: str) -> Generator[int]:
    """Hold the folder `path` below `root` open, or `root` itself for an empty path."""
    fd = os.open(root, FOLDER)
    try:
        if path:
            above, fd = fd, open_beneath(fd, path, FOLDER)
            os.close(above)
        yield fd
    finally:
        os.close(fd)
