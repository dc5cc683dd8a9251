"""Are these the same files? Every difference by name, never by its size or time alone."""

import os
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO

from shale.oci.strict import below, members, stream

BLOCK = 1 << 20


class Against:
    """Holds what layers bring against one folder; `complaints` are one line per difference."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.complaints: list[str] = []
        self.missing: list[str] = []
        self.files = 0
        self._told: set[str] = set()

    def layer(self, blocks: Iterable[bytes]) -> None:
        """Compare every entry below `models/` of an uncompressed tar, which is read to its end. Raises TarError."""
        rest = iter(blocks)
        with stream(rest) as tar:
            for member in members(tar):
                if path := below(member.name):
                    self._told |= {path, *(str(above) for above in PurePosixPath(path).parents)}
                    self._entry(member, tar.extractfile(member) if member.isreg() else None, path)
        for _ in rest:
            pass  # the digest is of all bytes, those behind the tar's end too

    def finish(self) -> None:
        """Complain of what is in the folder and in no layer."""
        self.complaints += [
            f"{path} is not in the image" for path in sorted(listing(self.folder)) if path not in self._told
        ]

    def _entry(self, member: tarfile.TarInfo, contents: IO[bytes] | None, path: str) -> None:
        there = self.folder / path
        if not os.path.lexists(there):
            self.missing.append(path)
            self.complaints.append(f"{path} is missing in {self.folder}")
        elif member.issym():
            found = str(there.readlink()) if there.is_symlink() else "no link"
            self._unless(found == member.linkname, f"{path} is {found!r}, in the image a link to {member.linkname!r}")
        elif member.isdir():
            self._unless(there.is_dir() and not there.is_symlink(), f"{path} is no folder, in the image it is")
        elif there.is_symlink() or not there.is_file():
            self.complaints.append(f"{path} is no file, in the image it is")
        elif contents is not None:
            self.files += 1
            with there.open("rb") as file:
                self._unless(_same(file, contents), f"{path} holds other bytes than in the image")

    def _unless(self, same: bool, complaint: str) -> None:  # noqa: FBT001 (it is the sentence's condition)
        if not same:
            self.complaints.append(complaint)


def trees(one: Path, other: Path) -> list[str]:
    """Return every difference between two folders: names, kinds, links, bytes."""
    left, right = listing(one), listing(other)
    lines = [f"{path} is only in {one}" for path in sorted(left.keys() - right.keys())]
    lines += [f"{path} is only in {other}" for path in sorted(right.keys() - left.keys())]
    both = sorted(left.keys() & right.keys())
    return lines + [f"{path} differs" for path in both if not _alike(one / path, other / path, left[path], right[path])]


def listing(folder: Path) -> dict[str, str]:
    """Return everything below a folder by its relative path: `directory`, `file` or `link to ...`."""
    found: dict[str, str] = {}
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(above, name)
            kind = f"link to {path.readlink()}" if path.is_symlink() else "directory" if path.is_dir() else "file"
            found[path.relative_to(folder).as_posix()] = kind
    return found


def _alike(one: Path, other: Path, kind: str, other_kind: str) -> bool:
    if kind != other_kind or kind != "file":
        return kind == other_kind
    with one.open("rb") as left, other.open("rb") as right:
        return _same(left, right)


def _same(one: IO[bytes], other: IO[bytes]) -> bool:
    while True:
        left, right = one.read(BLOCK), other.read(BLOCK)
        if left != right:
            return False
        if not left:
            return True
