"""Everything under 16 MiB, with directories and links: carried in runs, named by one digest each."""

import msgspec

from shale.contracts.artifact import Small
from shale.oci.digest import Hasher
from shale.oci.tarball import Entry

LARGE = 16 * 2**20
"""From this many bytes on a file has a layer of its own (packing.md, layouts)."""

RUN = 2**30
"""At most this many bytes of contents lie in one small layer."""


def small_digest(entries: list[Entry] | tuple[Entry, ...]) -> str:
    """Return the digest over the sorted (path, kind, size, mode, link), which is blind to what files hold.

    Of files that are made (see `Entry.digest`) it is over what they hold too.
    """
    hasher = Hasher()
    for entry in sorted(entries, key=_path):
        words = (entry.path, entry.kind, entry.size, entry.mode, entry.link)
        hasher.update(msgspec.json.encode((*words, entry.digest) if entry.digest else words) + b"\n")
    return hasher.digest


def runs(entries: list[Entry] | tuple[Entry, ...], max_bytes: int = RUN) -> tuple[Small, ...]:
    """Cut the entries in path order into runs of at most `max_bytes` of contents (a larger file is one by itself)."""
    cut: list[list[Entry]] = []
    held = 0
    for entry in sorted(entries, key=_path):
        if not cut or held + entry.size > max_bytes:
            cut.append([])
            held = 0
        cut[-1].append(entry)
        held += entry.size
    return tuple(_run(part) for part in cut)


def within(entries: tuple[Entry, ...], run: Small) -> tuple[Entry, ...]:
    """Return the entries of one run, in path order."""
    return tuple(sorted((entry for entry in entries if run.first <= entry.path <= run.last), key=_path))


def _run(entries: list[Entry]) -> Small:
    return Small(
        first=entries[0].path,
        last=entries[-1].path,
        count=len(entries),
        size=sum(entry.size for entry in entries),
        digest=small_digest(entries),
    )


def _path(entry: Entry) -> str:
    return entry.path
