"""One walk through a folder: what is there, and what in it no image can carry."""

import errno
import os
import stat
from collections.abc import Callable
from itertools import islice
from pathlib import Path, PurePosixPath

from shale.contracts.artifact import File
from shale.contracts.errors import Transient
from shale.oci.small import LARGE
from shale.oci.tarball import Entry, is_whiteout
from shale.sources import beneath
from shale.sources.globs import Globs
from shale.sources.source import MAX_ENTRIES, MAX_LARGE, Scan, Unscannable

MAX_DEPTH = 64
"""Folders within folders: a tree that is deeper was made by mistake, and each level is an open file here."""

_NETWORK = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE}


class RefusedError(Exception):
    """What the listing met; it carries the value that the caller returns."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.unscannable = Unscannable(reason, message)


class Listing:
    """Collects one folder, opened as `fd`, whose real path is `real`; `uri` is how messages name it."""

    def __init__(self, uri: str, real: str, globs: Globs, alive: Callable[[], None]) -> None:
        self._uri, self._real, self._globs, self._alive = uri, real, globs, alive
        self._files: list[File] = []
        self._entries: list[Entry] = []

    def scan(self, fd: int) -> Scan:
        """Walk the folder; RefusedError names the first thing, in path order, that cannot be carried."""
        self._folder(fd, "", 0)
        return Scan(
            tuple(sorted(self._files, key=lambda file: file.path)),
            tuple(sorted(self._entries, key=lambda entry: entry.path)),
        )

    def _folder(self, fd: int, above: str, depth: int) -> None:
        with os.scandir(fd) as found:
            names = sorted(one.name for one in islice(found, MAX_ENTRIES + 1))
        if len(names) > MAX_ENTRIES or depth > MAX_DEPTH:
            raise self._too_many(above or ".")
        for name in names:
            self._alive()
            path = above + name
            if self._globs.excludes(path):
                continue
            try:
                self._one(fd, name, path, depth)
            except OSError as error:
                raise self._failed(path, error) from error

    def _one(self, fd: int, name: str, path: str, depth: int) -> None:
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            self._check_name(path)
            self._below(fd, name, path, depth)
        elif self._globs.wants(path):
            self._check_name(path)
            self._keep(fd, name, path, found)

    def _below(self, fd: int, name: str, path: str, depth: int) -> None:
        """Walk a folder; with filters it is kept only for what is kept in it."""
        before = len(self._files) + len(self._entries)
        held = os.open(name, beneath.FOLDER, dir_fd=fd)
        try:
            self._folder(held, f"{path}/", depth + 1)
        finally:
            os.close(held)
        if not self._globs.filtering or len(self._files) + len(self._entries) > before:
            self._add(Entry(path, "directory", mode=0o755))

    def _keep(self, fd: int, name: str, path: str, found: os.stat_result) -> None:
        if stat.S_ISLNK(found.st_mode):
            self._add(Entry(path, "symlink", mode=0o777, link=self._target(path, os.readlink(name, dir_fd=fd))))
        elif stat.S_ISREG(found.st_mode):
            os.close(os.open(name, beneath.FILE, dir_fd=fd))  # readable by us, whatever its mode says
            self._file(path, found)
        else:
            kind = _KINDS.get(stat.S_IFMT(found.st_mode), "special file")
            raise self._refused("NotAFile", path, f"is a {kind}, which no image can carry: exclude or remove it")

    def _file(self, path: str, found: os.stat_result) -> None:
        mode = 0o755 if found.st_mode & 0o100 else 0o644
        if found.st_size < LARGE:
            self._add(Entry(path, "file", found.st_size, mode, version=version(found)))
            return
        self._files.append(File(path, found.st_size, mode, version(found)))
        if len(self._files) > MAX_LARGE:
            raise self._too_many(path)

    def _add(self, entry: Entry) -> None:
        self._entries.append(entry)
        if len(self._entries) > MAX_ENTRIES:
            raise self._too_many(entry.path)

    def _target(self, path: str, link: str) -> str:
        """Return a link's target, which stays inside as written and as it is on this disk, through other links too."""
        folder = PurePosixPath(path).parent
        written = os.path.normpath(folder / link)
        real = os.path.realpath(Path(self._real, folder, link))
        inside = real == self._real or real.startswith(self._real.rstrip("/") + "/")
        if link.startswith("/") or written.split("/")[0] == ".." or not inside:
            cure = "put the file itself there, make the link relative and inward, or exclude it"
            raise self._refused("UnsafeLink", path, f"is a link to {link!r}, which leaves the folder: {cure}")
        if not _utf8(link):
            raise self._refused("BadName", path, f"links to {link!r}, which is not UTF-8: rename the target")
        return link

    def _check_name(self, path: str) -> None:
        if not _utf8(path):
            raise self._refused("BadName", path, "has a name that is not UTF-8: rename or exclude it")
        if is_whiteout(path):
            why = "has a name that deletes another file wherever the image is unpacked: rename or exclude it"
            raise self._refused("BadName", path, why)

    def _failed(self, path: str, error: OSError) -> Exception:
        if error.errno in {errno.EACCES, errno.EPERM}:
            return self._refused("Unreadable", path, "may not be read: give the packer that right, or exclude it")
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}:
            return self._refused(
                "SourceChanged", path, "changed while it was listed: try again when nobody writes there"
            )
        if error.errno in _NETWORK:
            return Transient(f"{path!r} in {self._uri} cannot be listed: {error.strerror}")
        return error

    def _refused(self, reason: str, path: str, why: str) -> RefusedError:
        return RefusedError(reason, f"{path!r} in {self._uri} {why}")

    def _too_many(self, path: str) -> RefusedError:
        bounds = f"{MAX_LARGE} files of 16 MiB and more, {MAX_ENTRIES} others, {MAX_DEPTH} levels"
        cure = "exclude what serving does not need, or give a folder further down"
        return RefusedError("TooManyFiles", f"{self._uri} holds more than {bounds} (met at {path!r}): {cure}")


_KINDS = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


def version(found: os.stat_result) -> str:
    """Return what changes when a local file's content does: its inode, and when it was written and touched, in ns."""
    return f"{found.st_ino}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
