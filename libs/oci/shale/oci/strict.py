"""Tars that nobody vouches for, read strictly: whatever the bytes say, little is held, and the end is always come to.

Python's own reader holds a PAX header of any size whole, searches it in quadratic time, and skips 10^26 bytes if told.
"""

import io
import tarfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Self, cast

from shale.oci.blockreader import BlockReader
from shale.oci.registry import BLOCK
from shale.oci.tarball import PREFIX

_LONGEST = 2**20  # bytes of a PAX or GNU header: names and link targets have at most 4096
_LONGEST_NAME = 4096  # what a path has on Linux
_NESTED = 8  # headers before one entry: PAX, GNU long name and long link
_MOST = 2**60  # bytes of an entry
_LOOKS = 64  # that are taken at a stream beyond its end: a whole tar needs none
_SPARSE = "GNU.sparse."


class Damaged(tarfile.TarError):
    """It is no whole tar, or one that nobody makes in good faith; the message says what is met."""


def stream(blocks: Iterator[bytes]) -> "Tar":
    """Open an uncompressed tar that is read once, from block to block. Raises TarError."""
    with _in_one_line():
        return Tar.open(fileobj=io.BufferedReader(_Ending(blocks), BLOCK), mode="r|", bufsize=BLOCK)


def seekable(file: io.RawIOBase | io.BufferedReader) -> "Tar":
    """Open an uncompressed tar between whose headers may be sought. Raises TarError."""
    with _in_one_line():
        buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file)
        return Tar.open(fileobj=buffered, mode="r:")


def members(tar: "Tar") -> Iterator[tarfile.TarInfo]:
    """Yield entry by entry, and keep none of them. Raises TarError."""
    while (member := _next(tar)) is not None:
        tar.members.clear()
        yield member


def below(name: str) -> str:
    """Return an entry's path below `models/`, or nothing when it lies elsewhere. Raises Damaged: it leaves the folder.

    (Elsewhere lies the link `kubedl-model`.)
    """
    path = PurePosixPath(name.lstrip("/"))
    if ".." in path.parts or "\0" in name:
        raise Damaged(f"{name!r} leaves the folder")
    return str(path).removeprefix(PREFIX) if str(path).startswith(PREFIX) else ""


class _Header(tarfile.TarInfo):
    """None is skipped because it is damaged, none makes us hold more than a name."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf) == bytes(tarfile.BLOCKSIZE):
                raise  # the end, as it should be
            raise Damaged(f"it is damaged or cut short: {error}") from error
        plain = found.type in tarfile.REGULAR_TYPES
        if not 0 <= found.size <= (_MOST if plain else _LONGEST):
            raise Damaged(f"{_short(found.name)} claims {found.size} bytes")
        if found.type == tarfile.GNUTYPE_SPARSE:
            raise Damaged(f"{_short(found.name)} is a sparse file")
        return found

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        tar = cast("Tar", tarfile)
        if tar.nested >= _NESTED:
            raise Damaged(f"more than {_NESTED} headers belong to one entry")
        tar.nested += 1
        try:
            return super().fromtarfile(tar)
        finally:
            tar.nested -= 1

    def _proc_pax(self, tar: "Tar") -> tarfile.TarInfo:
        """Read a PAX header, and the entry that it is for: Python's name for where a reader of one's own goes."""
        padded = self.size + -self.size % tarfile.BLOCKSIZE
        records = _records(cast("IO[bytes]", tar.fileobj).read(padded)[: self.size])
        found = self.fromtarfile(tar)
        if self.type != tarfile.XGLTYPE:
            found.name = records.get("path", found.name).rstrip("/") or "/"
            found.linkname = records.get("linkpath", found.linkname)
        elif records:
            raise Damaged(f"a header for all entries has a {min(records)}")
        if size := records.get("size"):
            if not (size.isascii() and size.isdecimal() and len(size) < len(str(_MOST)) and found.isreg()):
                raise Damaged(f"{_short(found.name)} claims {size[:64]} bytes")
            found.size = int(size)
            tar.offset = found.offset_data + found.size + -found.size % tarfile.BLOCKSIZE
        return found


class Tar(tarfile.TarFile):
    """A tar whose headers are read strictly."""

    tarinfo = _Header
    members: list[tarfile.TarInfo]
    nested = 0


class _Ending(BlockReader):
    """A stream that is not read on and on beyond its end."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__(blocks)
        self._looks = 0

    def readinto(self, buffer: memoryview, /) -> int:
        taken = super().readinto(buffer)
        self._looks += not taken
        if self._looks > _LOOKS:
            raise Damaged("it ends in the middle of an entry")
        return taken


@contextmanager
def _in_one_line() -> Generator[None]:
    """Raise as Damaged what Python's reader stumbles over."""
    try:
        yield
    except (ValueError, OverflowError, IndexError) as error:
        raise Damaged(f"it is damaged: {error}") from error


def _next(tar: Tar) -> tarfile.TarInfo | None:
    with _in_one_line():
        found = tar.next()
    if found is not None and max(len(found.name), len(found.linkname)) > _LONGEST_NAME:
        raise Damaged(f"{_short(found.name)} has a name or a link of more than {_LONGEST_NAME} characters")
    return found


def _records(body: bytes) -> dict[str, str]:
    """Return what a PAX header says of name, link and size. Raises Damaged."""
    found: dict[str, str] = {}
    at = 0
    while at < len(body):
        space = body.find(b" ", at, at + len(str(_LONGEST)) + 1)
        end = at + int(body[at:space]) if space > at and body[at:space].isdigit() else 0
        key, equals, value = body[space + 1 : max(end - 1, 0)].partition(b"=")
        if end > len(body) or not equals or body[end - 1 : end] != b"\n":
            raise Damaged("a PAX header is damaged")
        name = key.decode("utf-8", "surrogateescape")
        if name.startswith(_SPARSE):
            raise Damaged("it holds a sparse file")
        if name in {"path", "linkpath", "size"}:
            found[name] = value.decode("utf-8", "surrogateescape")
        at = end
    return found


def _short(name: str) -> str:
    return repr(name[:128])
