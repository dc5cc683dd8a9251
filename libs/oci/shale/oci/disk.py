"""What a disk can do to us, and how a file comes to be: whole, flushed, under its name, or not at all."""

import errno
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from shale.contracts.errors import Transient
from shale.oci.refusal import NoAccess, Refused

LOCK_SECONDS = 30.0
"""An index is locked for one small write; who waits longer meets a stopped process or a dead network disk."""

_LOCK_POLL = 0.02

_REFUSES = {
    errno.ENOSPC: ("DiskFull", "the disk is full: free some space"),
    errno.EDQUOT: ("DiskFull", "the quota is used up: free some space or raise it"),
    errno.EFBIG: ("FileTooLarge", "the file would be larger than the process or the disk allows: raise that limit"),
    errno.EROFS: ("DiskReadOnly", "the disk is mounted read-only: mount it writable"),
    errno.EACCES: ("DiskDenied", "the process may not: give its user that right"),
    errno.EPERM: ("DiskDenied", "the process may not: give its user that right"),
}
"""Someone must act, and it heals by itself when they did."""

_PASSES = {
    errno.EIO: "the disk reports an error: look at it",
    errno.ESTALE: "the network disk lost the file: mount it again",
    errno.ETIMEDOUT: "the network disk does not answer",
    errno.EMFILE: "the process holds too many open files: raise its limit",
    errno.ENFILE: "the machine holds too many open files: raise its limit",
}


@contextmanager
def passing(doing: str) -> Generator[None]:
    """Raise as `Refused` what somebody must mend, as `Transient` what passes; what else goes wrong is a bug."""
    try:
        yield
    except OSError as error:
        if error.errno in _REFUSES:
            reason, cure = _REFUSES[error.errno]
            raise Refused(NoAccess(reason, f"cannot {doing}: {cure}")) from error
        if error.errno not in _PASSES:
            raise
        raise Transient(f"cannot {doing}: {_PASSES[error.errno]}") from error


def write_all(fd: int, block: bytes | bytearray | memoryview) -> None:
    """Write the whole block; the kernel may take it in pieces."""
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(fd, rest) :]


def replace(path: Path, data: bytes) -> None:
    """Give `path` new contents in one step, on disk when this returns; the caller holds the folder's lock."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("wb", buffering=0) as file:
            write_all(file.fileno(), data)
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the names in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold the one lock of `folder`, against threads and processes alike; the kernel frees it when its holder dies."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _lock(fd):
            raise Transient(f"{folder} is locked by another process since {LOCK_SECONDS:.0f} s: look for a stopped one")
        yield
    finally:
        os.close(fd)


def _lock(fd: int) -> bool:
    never = Event()
    for _ in range(int(LOCK_SECONDS / _LOCK_POLL)):
        if try_lock(fd):
            return True
        never.wait(_LOCK_POLL)
    return False


def try_lock(fd: int) -> bool:
    """Take the lock of an open file, if it is free."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
