"""An image layout in a tar, read where it lies: whoever made it, only what a layout may hold, and little of it at once.

Headers are read once; what lies between is sought over, and read when it is asked for.
"""

import io
import os
import re
import tarfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shale.oci import digest as digests
from shale.oci import disk, manifest, strict, whole
from shale.oci.archive import INDEX, LAYOUT
from shale.oci.descriptor import REF_NAME, Descriptor
from shale.oci.manifest import Index
from shale.oci.registry import BLOCK

MOST = 10_000
"""Entries of an archive: an image of ours has about seventy."""

_CURE = "copy the file again, or export the image again"
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_FOLDERS = frozenset({".", "blobs", "blobs/sha256"})
_BESIDE = frozenset({"manifest.json", "repositories"})
"""Docker's plain files, which are passed over."""
_OURS = frozenset({LAYOUT[0], INDEX})


class Slice(msgspec.Struct, frozen=True):
    """One blob in the file: where it begins, and its size."""

    path: Path
    start: int
    size: int

    def blocks(self, offset: int = 0) -> Iterator[bytes]:
        """Yield its bytes from `offset` on. Raises Damaged when the file has become shorter."""
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while offset < self.size:
                with disk.passing(f"read {self.path}"):
                    block = os.pread(fd, min(BLOCK, self.size - offset), self.start + offset)
                if not block:
                    raise strict.Damaged(f"it ends at byte {self.start + offset}")
                offset += len(block)
                yield block
        finally:
            os.close(fd)


class Archive:
    """An archive that was opened; it is a `whole.Reader`."""

    def __init__(self, index: Index, blobs: dict[str, Slice]) -> None:
        self.index, self.blobs = index, blobs
        self._subjects: dict[str, list[Descriptor]] | None = None

    def manifest(self, digest: str) -> bytes | None:
        """See `whole.Reader`. ValueError when its bytes are not those of its digest, or too many."""
        held = self.blobs.get(digest)
        if held is None:
            return None
        data = _small(held, digest)
        if (found := digests.of(data)) != digest:
            raise ValueError(f"{digest} holds bytes whose digest is {found}")
        return data

    def referrers(self, digest: str) -> list[Descriptor]:
        """See `whole.Reader`: of those that the archive's index names."""
        if self._subjects is None:
            self._subjects = self._by_subject()
        return self._subjects.get(digest, [])

    def top(self, tag: str) -> Descriptor:
        """Return the one image in it, or of several the one with this tag. ValueError when that is none."""
        subjects = [one.digest for many in self._by_subject().values() for one in many]
        images = [entry for entry in self.index.manifests if entry.digest not in subjects]
        if len({entry.digest for entry in images}) == 1:
            return images[0]
        tagged = [entry for entry in images if _tag(entry) == tag]
        if not images:
            raise ValueError("it holds no image: export it again")
        if len(tagged) != 1:
            tags = ", ".join(sorted(_tag(entry) or "no tag" for entry in images))
            cure = "of several, the one is taken whose tag is that of the image that it becomes"
            raise ValueError(f"it holds {len(images)} images ({tags}): {cure}")
        return tagged[0]

    def _by_subject(self) -> dict[str, list[Descriptor]]:
        """Return what refers to what; an entry whose manifest is not there refers to nothing."""
        found: dict[str, list[Descriptor]] = {}
        for entry in self.index.manifests:
            data = self.manifest(entry.digest)
            document = whole.parsed(entry.digest, data) if data is not None else None
            if document is not None and document.subject is not None:
                found.setdefault(document.subject.digest, []).append(entry)
        return found


def read(path: Path) -> Archive:
    """Return what a file holds. ValueError says what is wrong with it: it is no archive, cut short, or hostile."""
    with _in_our_words(), path.open("rb") as file:
        found = _members(path, file)
        layout, index = (found.pop(name, None) for name in (LAYOUT[0], INDEX))
        if index is None or layout is None:
            raise strict.Damaged(f"it is no image layout: it holds no {LAYOUT[0] if index else INDEX}")
        version = msgspec.json.decode(_small(layout, LAYOUT[0]), type=_Layout).version
        if not version.startswith("1."):
            raise ValueError(f"it is an image layout of version {version[:20]!r}; 1.0.0 is read")
        document = msgspec.json.decode(_small(index, INDEX), type=_Index)
        if len(document.manifests) > whole.MOST:
            raise strict.Damaged(f"its index.json names more than {whole.MOST} manifests")
        return Archive(Index(document.manifests, schema_version=2), found)


class _Layout(msgspec.Struct, frozen=True):
    """`oci-layout` (image-spec, image-layout.md)."""

    version: str = msgspec.field(name="imageLayoutVersion")


class _Index(msgspec.Struct, frozen=True):
    """`index.json`; older tools leave its media type out."""

    manifests: tuple[Descriptor, ...]


def _members(path: Path, file: io.BufferedReader) -> dict[str, Slice]:
    """Return where the index and each blob, by its digest, lie."""
    found: dict[str, Slice] = {}
    with strict.seekable(file) as tar:
        for count, member in enumerate(strict.members(tar)):
            named = _name(member)
            if count >= MOST:
                raise strict.Damaged(f"it holds more than {MOST} entries")
            if named in found:
                raise strict.Damaged(f"it holds {member.name!r} twice")
            if named:
                found[named] = Slice(path, member.offset_data, member.size)
    return found


def _name(member: tarfile.TarInfo) -> str:
    """Return `index.json`, `oci-layout`, or a blob's digest; nothing for what is passed over. Raises Damaged else."""
    plain = member.name.removeprefix("./")
    if member.isdir() and plain in _FOLDERS:
        return ""
    blob = _BLOB.fullmatch(plain)
    if not member.isreg() or not (blob or plain in _OURS | _BESIDE):
        kind = "" if member.isreg() else "a folder " if member.isdir() else "a link or a device "
        raise strict.Damaged(f"it holds {kind}{member.name[:128]!r}, which is no part of an image layout")
    return f"sha256:{blob[1]}" if blob else plain if plain in _OURS else ""


def _small(held: Slice, what: str) -> bytes:
    if held.size > manifest.MAX_BYTES:
        raise ValueError(f"{what} is {held.size} bytes: no manifest is larger than {manifest.MAX_BYTES}")
    return b"".join(held.blocks())


def _tag(entry: Descriptor) -> str:
    return (entry.annotations or {}).get(REF_NAME, "")


@contextmanager
def _in_our_words() -> Generator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(f"{error or 'it is no tar'}: {_CURE}") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"what it says of itself cannot be read ({error}): {_CURE}") from error
