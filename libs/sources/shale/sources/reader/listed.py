"""A listing as it comes from a reader, which lives where its user may replace it: parsed, and believed in nothing."""

import re
from collections.abc import Set as AbstractSet

import msgspec

from shale.contracts.artifact import File
from shale.contracts.errors import Transient
from shale.oci.small import LARGE
from shale.oci.tarball import Entry, is_whiteout
from shale.sources.listing import MAX_DEPTH
from shale.sources.reader import links, wire
from shale.sources.reader.wire import Trouble
from shale.sources.source import MAX_ENTRIES, MAX_LARGE, Scan, Unscannable

LARGEST = 1 << 63
"""No file system has files of so many bytes."""
VERSION = re.compile(r"[0-9:-]{0,100}")
"""What `listing.version` makes."""


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a listing: one of these."""

    scan: Scan | None = None
    trouble: Trouble | None = None


def parsed(uri: str, body: bytes) -> Scan | Unscannable:
    """Return a listing that keeps every rule of one made here; else what is wrong with it.

    Raises Transient when that passes by itself.
    """
    try:
        listed = msgspec.json.decode(body, type=Listed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _foreign(uri, str(error))
    if (trouble := listed.trouble) is not None:
        if not trouble.reason:
            raise Transient(trouble.message[: wire.MAX_WORDS])
        return Unscannable(trouble.reason[:64], trouble.message[: wire.MAX_WORDS])
    return _checked(uri, listed.scan or Scan((), ()))


def _checked(uri: str, scan: Scan) -> Scan | Unscannable:
    if len(scan.files) > MAX_LARGE or len(scan.entries) > MAX_ENTRIES:
        return _foreign(uri, f"it names {len(scan.files)} large files and {len(scan.entries)} others")
    folders = {"", *(one.path for one in scan.entries if one.kind == "directory")}
    for things, fits in ((scan.files, _is_large), (scan.entries, _is_small)):
        paths = [one.path for one in things]
        if paths != sorted(set(paths)):
            return _foreign(uri, "its paths are not in order")
        wrong = next((one for one in things if not _is_path(one.path, folders) or not fits(one)), None)
        if wrong is not None:
            return _foreign(uri, f"{wrong.path[:200]!r} can be in none")
    if twice := {one.path for one in scan.files} & {one.path for one in scan.entries}:
        return _foreign(uri, f"{min(twice)[:200]!r} is in it twice")
    try:
        links.check({one.path: one.link or "" for one in scan.entries if one.kind == "symlink"})
    except links.LeavesError as error:
        return _foreign(uri, f"link {str(error)[:200]!r} leads out of it")
    return scan


def _is_path(path: str, folders: AbstractSet[str]) -> bool:
    """Whether it may lie where it says: in a folder that is listed as one, and is no link to another place."""
    parts = path.split("/")
    if len(parts) > MAX_DEPTH + 1 or not {"", ".", ".."}.isdisjoint(parts) or "\0" in path or is_whiteout(path):
        return False
    return path.rpartition("/")[0] in folders


def _is_large(one: File | Entry) -> bool:
    return LARGE <= one.size < LARGEST and _is_file(one)


def _is_small(one: File | Entry) -> bool:
    if not isinstance(one, Entry):
        return False
    match one.kind:
        case "symlink":
            inward = bool(one.link) and not (one.link or "/").startswith("/") and "\0" not in (one.link or "")
            return inward and (one.size, one.mode) == (0, 0o777)
        case "directory":
            return one.link is None and (one.size, one.mode) == (0, 0o755)
        case "file":
            return one.link is None and 0 <= one.size < LARGE and _is_file(one)


def _is_file(one: File | Entry) -> bool:
    return one.mode in {0o644, 0o755} and VERSION.fullmatch(one.version) is not None


def _foreign(uri: str, why: str) -> Unscannable:
    cure = "is something else answering in its place?"
    return Unscannable("NotAListing", f"{uri} gave no listing of a folder ({why}): {cure}")
