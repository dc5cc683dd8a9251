"""A listing as it comes from a reader, which lives where its user may replace it: parsed, and believed in nothing."""

import msgspec

from shale.contracts.errors import Transient
from shale.oci.small import LARGE
from shale.oci.tarball import Entry, is_whiteout
from shale.sources.reader import wire
from shale.sources.reader.wire import Trouble
from shale.sources.source import MAX_ENTRIES, MAX_LARGE, Scan, Unscannable


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
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return _foreign(uri, str(error))
    if (trouble := listed.trouble) is not None:
        if not trouble.reason:
            raise Transient(trouble.message[: wire.MAX_WORDS])
        return Unscannable(trouble.reason[:64], trouble.message[: wire.MAX_WORDS])
    return _checked(uri, listed.scan or Scan((), ()))


def _checked(uri: str, scan: Scan) -> Scan | Unscannable:
    if len(scan.files) > MAX_LARGE or len(scan.entries) > MAX_ENTRIES:
        return _foreign(uri, f"it names {len(scan.files)} large files and {len(scan.entries)} others")
    for things, fits in ((scan.files, _is_large), (scan.entries, _is_small)):
        paths = [one.path for one in things]
        if paths != sorted(set(paths)):
            return _foreign(uri, "its paths are not in order")
        wrong = next((one for one in things if not _is_path(one.path) or not fits(one)), None)
        if wrong is not None:
            return _foreign(uri, f"{wrong.path[:200]!r} can be in none")
    return scan


def _is_path(path: str) -> bool:
    parts = path.split("/")
    return {"", ".", ".."}.isdisjoint(parts) and "\0" not in path and not is_whiteout(path)


def _is_large(one: object) -> bool:
    return getattr(one, "size", 0) >= LARGE


def _is_small(one: object) -> bool:
    if not isinstance(one, Entry):
        return False
    if one.kind == "symlink":
        return bool(one.link) and not _leaves(one.path, one.link or "")
    return one.link is None and 0 <= one.size < LARGE


def _leaves(path: str, link: str) -> bool:
    """Whether a link, as it is written, leads out of the folder."""
    if link.startswith("/") or "\0" in link:
        return True
    depth = path.count("/")
    for part in link.split("/"):
        depth += -1 if part == ".." else part not in {"", "."}
        if depth < 0:
            return True
    return False


def _foreign(uri: str, why: str) -> Unscannable:
    cure = "is something else answering in its place?"
    return Unscannable("NotAListing", f"{uri} gave no listing of a folder ({why}): {cure}")
