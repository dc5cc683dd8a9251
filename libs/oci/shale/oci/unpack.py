"""Layers back into files: `shale pull`. It takes our tars and any other uncompressed one, and trusts neither.

Nothing is written through a link, nothing over what a link names, nothing outside the folder.
"""

import errno
import os
import tarfile
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec

from shale.oci import disk
from shale.oci.registry import BLOCK
from shale.oci.strict import Damaged, below, members, stream


class Unpacked(msgspec.Struct, frozen=True):
    """What one layer brought: files and links by path, and the files' bytes."""

    paths: tuple[str, ...]
    size: int


class Unsafe(msgspec.Struct, frozen=True):
    """A layer that must not be unpacked; what was written before the entry was met stays."""

    reason: str
    message: str


def unpack(blocks: Iterable[bytes], folder: Path) -> Unpacked | Unsafe:
    """Write what lies under `models/` in the tar to `folder`, without that prefix, and nothing else of the tar.

    Later layers replace what earlier ones wrote; modes become 0644 or 0755. All blocks are taken, also those behind the
    tar, so that a caller may hash them on their way.
    """
    paths: list[str] = []
    size = 0
    rest = iter(blocks)
    try:
        with disk.passing(f"unpack into {folder}"), stream(rest) as tar:
            for member in members(tar):
                if path := below(member.name):
                    size += _write(tar, member, folder, path)
                    paths += [] if member.isdir() else [path]
            deque(rest, maxlen=0)
    except tarfile.TarError as error:
        return Unsafe("UnsafeLayer", f"the layer is refused: {error}")
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return Unsafe("UnsafeLayer", f"the layer is refused: a name is too long for this disk: {error.filename!r}")
    return Unpacked(tuple(paths), size)


def settle(source: Path, folder: Path) -> Unsafe | None:
    """Move all that was unpacked in `source` over what lies in `folder`, on the same disk.

    When anything there is in the way (see above), nothing is moved.
    """
    entries = list(_entries(source))
    try:
        with disk.passing(f"write into {folder}"):
            for path, came in entries:
                _heed(folder, path, keep=_is_folder(came))
            for path, came in entries:
                target = _free(folder, path, keep=_is_folder(came))
                if _is_folder(came):
                    target.mkdir(exist_ok=True)
                else:
                    if came.is_symlink():
                        _inside(folder, path, str(came.readlink()))
                    came.replace(target)
    except Damaged as error:
        return Unsafe("UnsafeFolder", f"it does not fit into {folder}: {error}")
    return None


def _entries(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield everything below a folder with its path there, folders before what is in them."""
    for above, folders, files in os.walk(source):
        for name in (*folders, *files):
            came = Path(above, name)
            yield came.relative_to(source).as_posix(), came


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, path: str) -> int:
    """Make one entry; return how many bytes it holds."""
    target = _free(folder, path, keep=member.isdir())
    tarfile.data_filter(member.replace(name=path, deep=False), str(folder))  # raises FilterError
    if member.isdir():
        target.mkdir(exist_ok=True)
    elif member.issym():
        target.symlink_to(_inside(folder, path, member.linkname))
    elif member.islnk():
        os.link(_existing(folder, member), target, follow_symlinks=False)
    elif member.isreg():
        return _copy(tar, member, target)
    else:
        raise Damaged(f"{member.name!r} is neither a whole file nor a folder nor a link")
    return 0


def _heed(folder: Path, path: str, *, keep: bool) -> None:
    """Raise Damaged unless its parents are folders, not links, where they are, and it replaces none (but `keep`)."""
    for name in reversed(PurePosixPath(path).parents):
        parent = folder / name
        if name.parts and (parent.is_symlink() or (parent.exists() and not parent.is_dir())):
            raise Damaged(f"{path!r} lies below what is no folder")
    if _is_folder(folder / path) and not keep:
        raise Damaged(f"{path!r} would replace a folder")


def _free(folder: Path, path: str, *, keep: bool) -> Path:
    """Return where to write: as `_heed` has it, the parents made, and nothing there (but a folder, with `keep`)."""
    _heed(folder, path, keep=keep)
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not _is_folder(target):
        target.unlink(missing_ok=True)
    return target


def _inside(folder: Path, path: str, link: str) -> str:
    """Return the link's target, which stays inside both as written and as it is on this disk."""
    written = os.path.normpath(PurePosixPath(path).parent / link)
    real = (folder / path).parent.joinpath(link).resolve()
    if link.startswith("/") or written.split("/")[0] == ".." or not real.is_relative_to(folder.resolve()):
        raise Damaged(f"the link {path!r} -> {link!r} leaves the folder")
    return link


def _existing(folder: Path, member: tarfile.TarInfo) -> Path:
    path = below(member.linkname)
    source = folder / path
    if not path or not source.parent.resolve().is_relative_to(folder.resolve()) or not source.is_file():
        raise Damaged(f"the hard link {member.name!r} -> {member.linkname!r} names no file of the model")
    return source


def _copy(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> int:
    source = tar.extractfile(member)
    if source is None:
        raise Damaged(f"{member.name!r} has no contents")
    mode = 0o755 if member.mode & 0o100 else 0o644
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        while block := source.read(BLOCK):
            disk.write_all(fd, block)
    finally:
        os.close(fd)
    return member.size
