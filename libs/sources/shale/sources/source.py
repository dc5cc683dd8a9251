"""The door to sources: whatever lists files and hands out their bytes.

Every method blocks and belongs in a thread. What a caller expects comes back as a value; what passes by itself is
raised as `Transient`. What is met amid a file's bytes is raised too: `SourceChangedError` when it is not what was
listed, `UnreadableError` when someone must act.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from shale.contracts.artifact import File, Small
from shale.oci import small
from shale.oci.tarball import Content, Entry

MAX_LARGE = 5_000
"""Each large file is 109 bytes of the fact `Scanned`, which fits into 900 KiB (events.md, "Streams and buckets")."""

MAX_ENTRIES = 200_000
"""What a listing holds in memory: about 100 MB."""

BLOCK = 2**20
"""Sources hand out blocks of at most this many bytes, in one buffer that is used again."""


class Scan(msgspec.Struct, frozen=True):
    """What lies at a source: files of 16 MiB and more, and everything else; both in path order."""

    files: tuple[File, ...]
    entries: tuple[Entry, ...]

    def small(self) -> tuple[Small, ...]:
        """Return everything else in runs."""
        return small.runs(self.entries)


class Unscannable(msgspec.Struct, frozen=True):
    """A source that cannot be listed, or holds what no image can carry; the message names it and the cure."""

    reason: str
    message: str


class SourceChangedError(Exception):
    """A file is not (any more) what was listed; the message names it."""


class UnreadableError(Exception):
    """A listed file, or the place itself, cannot be read until someone acts; it carries the value that says who."""

    def __init__(self, why: Unscannable) -> None:
        super().__init__(why.message)
        self.why = why


def unheard() -> None:
    """Go on listing: nobody can stop it."""


class Source(Protocol):
    """One place with one model."""

    uri: str
    title: str
    """How messages name it: in its user's words where those are known, else by the URI."""

    def resolve(self) -> str | Unscannable:
        """Return the URI that pins what lies there now (a hub: its commit; a folder is its own)."""
        ...

    def scan(self, include: str = "", exclude: str = "", alive: Callable[[], None] = unheard) -> Scan | Unscannable:
        """List what `include` names and `exclude` does not (comma-separated globs, see `globs`).

        `alive` is called for each thing that is met; what it raises stops the listing.
        """
        ...

    def open(self, content: Content, offset: int = 0) -> Iterator[memoryview]:
        """Return the bytes of a listed file from `offset` on; checked before and after against what was listed."""
        ...

    def volume(self, content: Content) -> str:
        """Return what identifies the file system that a listed file lies on; `""`: nothing does, as on NFS.

        No two volumes that different people can write to have the same one. To answer, the file is opened with the
        access of whoever it is read for, and must still be what was listed (raises as `open` does): what is known of a
        file is used only after that, so that knowing its name or its digest gives nobody its bytes. A source that
        tells digests of its own (a hub) fetches one byte for it.
        """
        ...
