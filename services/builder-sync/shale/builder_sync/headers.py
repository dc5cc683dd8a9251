"""What is read of a checkpoint before its tensors: the headers of its shards, by ranges and within bounds."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from shale.builder_sync.results import Stall
from shale.contracts.artifact import File
from shale.oci import digest
from shale.oci.tarball import Content, Entry
from shale.sources.source import Source
from shale.weights import safetensors
from shale.weights.safetensors import Broken, Header

MOST: Final = 16 * 2**20
"""Bytes of all headers of a model together: some 120,000 tensors. See `cutting` for what they cost in memory."""

_CURE = "save it again, or choose layout: files"


class UncuttableError(Exception):
    """A checkpoint cannot be cut as it lies there; it carries the value that says who must act."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.stall = Stall(reason, message)


class Read(msgspec.Struct, frozen=True):
    """One header, and the digest of its bytes."""

    header: Header
    digest: str


def read_all(source: Source, files: Iterable[File], alive: Callable[[], None]) -> dict[str, Read]:
    """Return the headers by path; `alive` is called before each. UncuttableError: one is broken, or they are too many.

    Raises what `Source.open` does, too.
    """
    found: dict[str, Read] = {}
    left = MOST
    for file in files:
        alive()
        found[file.path] = read(source, file, left)
        left -= found[file.path].header.length
    return found


def read(source: Source, file: File, most: int) -> Read:
    """Return one header of at most so many bytes: its first 8, which say how many it has, and then it."""
    content = content_of(file)
    size = safetensors.length(_bytes(source, content, 0, min(safetensors.PREFIX, file.size)), file.size)
    if isinstance(size, Broken):
        raise _broken(source, file, size)
    if size > most:
        what = f"the headers of {source.title} have more than {MOST} bytes (met at {file.path!r})"
        raise UncuttableError("HeadersTooLarge", f"{what}: choose layout: files")
    data = _bytes(source, content, 0, size)
    header = safetensors.parse(data, file.size)
    if isinstance(header, Broken):
        raise _broken(source, file, header)
    return Read(header, digest.of(data))


def read_whole(source: Source, file: File) -> bytes:
    """Return the bytes of a small file."""
    return _bytes(source, content_of(file), 0, file.size)


def content_of(file: File | Entry) -> Content:
    """Return a listed file as its source is asked for it."""
    return Content(file.path, file.size, file.version)


def listed(entries: Sequence[Entry]) -> dict[str, File]:
    """Return the small files of a listing by path, in the words of the large ones."""
    return {one.path: File(one.path, one.size, one.mode, one.version) for one in entries if one.kind == "file"}


def _bytes(source: Source, content: Content, begin: int, end: int) -> bytes:
    return b"".join(map(bytes, source.open(content, begin, end))) if end > begin else b""


def _broken(source: Source, file: File, why: Broken) -> UncuttableError:
    what = f"{file.path!r} in {source.title} is no safetensors file: at byte {why.offset} {why.reason}"
    return UncuttableError("BrokenHeader", f"{what}: {_CURE}")
