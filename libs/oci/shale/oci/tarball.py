"""Layers as bytes: ustar, framed by hand so that the same files give the same bytes on every host.

Times and owners are zero, modes 0644 or 0755, names lie under `models/`. A PAX header (POSIX.1-2001) comes before an
entry only where ustar cannot say it: a name that does not split into 155 + 100 bytes of ASCII, a link target over 100,
8 GiB and more.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

BLOCK = 512
PREFIX = "models/"
LINK = "kubedl-model"
END = bytes(2 * BLOCK)

_NAME, _SPLIT_PREFIX = 100, 155  # bytes of the fields `name` and `prefix` (POSIX.1-1988)
_OCTAL_SIZE = 8**11  # eleven octal digits: sizes from 8 GiB on do not fit


class Entry(msgspec.Struct, frozen=True):
    """One thing of a layer; `path` is relative to the model's root with `/`, `size` in bytes, `link` only of a symlink.

    `version` is the source's (see `File.version`); no byte of the layer depends on it.
    """

    path: str
    kind: Literal["file", "directory", "symlink"] = "file"
    size: int = 0
    mode: int = 0o644
    link: str | None = None
    version: str = ""


class Content(msgspec.Struct, frozen=True):
    """Here go the `size` bytes of the source's file `path`."""

    path: str
    size: int
    version: str = ""


def frame(entries: Iterable[Entry], *, root: bool = False) -> Iterator[bytes | Content]:
    """Return the tar of `entries` in their order: framing as bytes, and between it the contents that the caller reads.

    With `root` the directory `models/` and the link `kubedl-model -> models` come first.
    """
    if root:
        yield _header(PREFIX, b"5", 0o755) + _header(LINK, b"2", 0o777, link=PREFIX.rstrip("/"))
    for entry in entries:
        if is_whiteout(entry.path):
            raise ValueError(f"{entry.path!r} would delete a file where the layer is unpacked: no layer holds it")
        yield _head(entry)
        if entry.kind == "file" and entry.size:
            yield Content(entry.path, entry.size, entry.version)
            yield bytes(-entry.size % BLOCK)
    yield END


def plain(path: str, size: int) -> bytes:
    """Return the header of a file of any tar: mode 0644, and nothing of time or host; its contents end at a `BLOCK`."""
    return _header(path, b"0", 0o644, size=size)


def is_whiteout(path: str) -> bool:
    """Return whether a layer may not hold this path: it would delete a file (image-spec, layer.md, "Whiteouts")."""
    return any(part.startswith(".wh.") for part in path.split("/"))


def size(entries: Iterable[Entry], *, root: bool = False) -> int:
    """Return how many bytes `frame` will make, contents included."""
    return sum(piece.size if isinstance(piece, Content) else len(piece) for piece in frame(entries, root=root))


def _head(entry: Entry) -> bytes:
    match entry.kind:
        case "directory":
            return _header(f"{PREFIX}{entry.path}/", b"5", 0o755)
        case "symlink":
            return _header(PREFIX + entry.path, b"2", 0o777, link=entry.link or "")
        case "file":
            return _header(PREFIX + entry.path, b"0", 0o755 if entry.mode & 0o100 else 0o644, size=entry.size)


def _header(path: str, kind: bytes, mode: int, *, size: int = 0, link: str = "") -> bytes:
    prefix, name = _split(path)
    records = [
        ("path", path) if not _fits(name, _NAME) else None,
        ("linkpath", link) if not _fits(link, _NAME) else None,
        ("size", str(size)) if size >= _OCTAL_SIZE else None,
    ]
    pax = _pax([record for record in records if record])
    return pax + _ustar((prefix, name), kind, mode, size if size < _OCTAL_SIZE else 0, link)


def _split(path: str) -> tuple[str, str]:
    """Return (prefix, name) of a long path of ASCII cut at a `/`; the name is too long when nothing fits."""
    if _fits(path, _NAME) or not path.isascii():
        return "", path
    cut = path.rfind("/", 0, min(_SPLIT_PREFIX + 1, len(path) - 1))  # a directory's own last `/` cuts nothing
    if cut < 1 or len(path) - cut - 1 > _NAME:
        return "", path
    return path[:cut], path[cut + 1 :]


def _fits(text: str, field: int) -> bool:
    return len(text) <= field and text.isascii()


def _pax(records: list[tuple[str, str]]) -> bytes:
    """Return an extended header with its contents, or nothing when there is nothing to say."""
    if not records:
        return b""
    body = b"".join(_record(key, value) for key, value in records)
    return _ustar(("", "././@PaxHeader"), b"x", 0o644, len(body), "") + body + bytes(-len(body) % BLOCK)


def _record(key: str, value: str) -> bytes:
    """Return `<length> <key>=<value>` and a line feed, where the length counts its own digits too."""
    rest = f" {key}={value}\n".encode()
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def _ustar(path: tuple[str, str], kind: bytes, mode: int, size: int, link: str) -> bytes:
    fields = b"".join(
        (
            _text(path[1], _NAME),
            b"%07o\0" % mode,
            b"%07o\0" % 0,  # uid
            b"%07o\0" % 0,  # gid
            b"%011o\0" % size,
            b"%011o\0" % 0,  # mtime
            b" " * 8,  # the checksum is counted over blanks
            kind,
            _text(link, _NAME),
            b"ustar\x0000",
            bytes(64),  # uname, gname
            b"%07o\0" % 0,  # devmajor
            b"%07o\0" % 0,  # devminor
            _text(path[0], _SPLIT_PREFIX),
            bytes(12),
        )
    )
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def _text(value: str, field: int) -> bytes:
    """Return the field; what does not fit is told by a PAX header, and here shortened."""
    return value.encode("ascii", "replace")[:field].ljust(field, b"\0")
