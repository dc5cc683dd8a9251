"""Folders of this machine: `file:///models/resnet`, below the roots that its owner configured and nowhere else."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from shale.contracts.errors import Transient
from shale.oci.tarball import Content
from shale.sources import beneath, globs, volumes
from shale.sources.listing import Listing, RefusedError, version
from shale.sources.roots import Root, Roots
from shale.sources.source import BLOCK, Scan, SourceChangedError, UnreadableError, Unscannable, unheard

SCHEME = "file://"

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}
_DENIED = {errno.EACCES, errno.EPERM}
_PASSES = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE}


def to_uri(path: str) -> str:
    """Return the URI of an absolute path."""
    return SCHEME + quote(path)


class FileSystem:
    """One folder; `root` is the real folder that it may not leave, `path` where it lies in it, without links."""

    def __init__(self, uri: str, root: str, path: str) -> None:
        self.uri, self.title, self._root, self._path = uri, uri, root, path

    def resolve(self) -> str | Unscannable:
        """See `Source.resolve`: a folder cannot be pinned, each of its files carries a version instead."""
        try:
            with beneath.opened(self._root, self._path):
                return self.uri
        except OSError as error:
            return self._unopenable(error)

    def scan(self, include: str = "", exclude: str = "", alive: Callable[[], None] = unheard) -> Scan | Unscannable:
        """See `Source.scan`."""
        listing = Listing(self.title, str(Path(self._root, self._path)), globs.parse(include, exclude), alive)
        try:
            with beneath.opened(self._root, self._path) as fd:
                return listing.scan(fd)
        except RefusedError as error:
            return error.unscannable
        except OSError as error:
            return self._unopenable(error)

    def open(self, content: Content, offset: int = 0) -> Iterator[memoryview]:
        """See `Source.open`; SourceChangedError also when the file is gone or became something else."""
        fd = self._open(content)
        try:
            self._check(content, fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            yield from self._blocks(content, fd, offset)
            self._check(content, fd)
        finally:
            os.close(fd)

    def volume(self, content: Content) -> str:
        """See `Source.volume`: that of the file itself, for other disks may be mounted within a folder."""
        fd = self._open(content)
        try:
            self._check(content, fd)
            return volumes.of(fd)
        finally:
            os.close(fd)

    def _open(self, content: Content) -> int:
        try:
            with beneath.opened(self._root, self._path) as folder:
                return self._open_in(folder, content)
        except OSError as error:
            raise UnreadableError(self._unopenable(error)) from error

    def _open_in(self, folder: int, content: Content) -> int:
        try:
            return beneath.open_beneath(folder, content.path, beneath.FILE)
        except OSError as error:
            raise self._lost(content, error) from error

    def _blocks(self, content: Content, fd: int, offset: int) -> Iterator[memoryview]:
        """Read exactly what was listed, into one buffer."""
        buffer = memoryview(bytearray(min(BLOCK, max(content.size - offset, 0))))
        while offset < content.size:
            try:
                count = os.preadv(fd, [buffer[: content.size - offset]], offset)
            except OSError as error:
                raise self._lost(content, error) from error
            if not count:
                raise self._changed(content, f"ended after {offset} bytes")
            offset += count
            yield buffer[:count]

    def _check(self, content: Content, fd: int) -> None:
        """Compare an open file with what was listed."""
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise self._changed(content, "is no file any more")
        if found.st_size != content.size:
            raise self._changed(content, f"is {found.st_size} bytes now")
        if content.version not in {"", version(found)}:
            raise self._changed(content, "was written, replaced or touched since")

    def _changed(self, content: Content, how: str) -> SourceChangedError:
        listed = f"{content.path!r} in {self.title} was listed with {content.size} bytes"
        return SourceChangedError(f"{listed} and {how}: try again when nobody writes there")

    def _lost(self, content: Content, error: OSError) -> Exception:
        if error.errno in _DENIED:
            cure = "give the packer that right"
            return UnreadableError(
                Unscannable("Unreadable", f"{content.path!r} in {self.title} may not be read: {cure}")
            )
        if error.errno in _GONE:
            return self._changed(content, f"cannot be opened now ({error.strerror})")
        if error.errno in _PASSES:
            return Transient(f"{content.path!r} in {self.title} cannot be read: {error.strerror}")
        return error

    def _unopenable(self, error: OSError) -> Unscannable:
        if error.errno == errno.ENOTDIR:
            return Unscannable("NotAFolder", f"{self.title} is not a folder: give the folder that holds the model")
        if error.errno in _DENIED:
            return Unscannable("Unreadable", f"{self.title} may not be read: give the packer that right")
        if error.errno in _PASSES:
            raise Transient(f"{self.title} cannot be opened: {error.strerror}") from error
        return Unscannable("SourceNotFound", f"{self.title} is not there ({error.strerror}): put the model there")


def open_folder(uri: str, roots: Roots) -> FileSystem | Unscannable:
    """Find the folder of a `file://` URI below its root, whether it exists or not."""
    declared = unquote(uri.removeprefix(SCHEME))
    placed = roots.place(declared)
    if placed is None or "\0" in declared:
        known = ", ".join(root.prefix for root in roots.roots) or "none"
        return Unscannable(
            "OutsideRoots",
            f"{uri} lies below no configured root ({known}): move the model there, or configure its folder",
        )
    return open_below(uri, *placed)


def open_below(uri: str, root: Root, path: str) -> FileSystem | Unscannable:
    """Find the folder `path` below a root, through links that stay in it; `uri` is how messages name it."""
    real, top = os.path.realpath(root.folder / path), str(root.folder)
    if real != top and not real.startswith(top.rstrip("/") + "/"):
        return Unscannable("UnsafeLink", f"{uri} leads out of {root.prefix} by a link: put the folder itself there")
    return FileSystem(uri, top, real[len(top) :].strip("/"))
