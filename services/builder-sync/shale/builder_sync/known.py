"""What is known of a layer before any byte of it is read: by what its bytes are named, and what the index says; pure.

The name of a layer's bytes is over the sequence of its framing (each tar header's digest) and of what names the bytes
of each file: `stat:<volume>:<size>:<inode>:<mtime_ns>:<ctime_ns>`. One file is a sequence of one. A second digest,
over each file alone, would cost as much as the layer's own (0.82 CPU s/GB), and is known only to who has read the
file, and so has the layer's. A source that tells digests (a hub) will be one more way to name a file: to be learned
only where its bytes were hashed in the same pass, as such a source may say what it likes.
"""

import hashlib
import re
from collections.abc import Mapping

import msgspec

from shale.contracts.artifact import File, Layer
from shale.contracts.jobs import PackLayer
from shale.oci import digest, plan, tarball
from shale.oci.small import LARGE
from shale.oci.tarball import Content

PROVEN = 20
"""Of so many layers that are known by name, one is read again all the same."""
SETTLED = 2.0
"""Seconds that a file's ctime must be older than its hashing: the clock of a file system ticks every few milliseconds,
and those of two machines differ. Who writes through a mapping may change a page until it is written back, some 30 s,
with no new ctime: that is what PROVEN finds."""
_STAT = re.compile(r"\d+:-?\d+:-?(\d+)")
"""`File.version` of a local file or of a reader's: inode, mtime and ctime in ns."""


class Blob(msgspec.Struct, frozen=True, omit_defaults=True):
    """A layer's blob: its digest and its size in bytes, and those of the table of its tensors, where it has one."""

    digest: str
    size: int
    table: str = ""
    table_size: int = 0


class Busy(msgspec.Struct, frozen=True):
    """A worker packs these very bytes: for which job, and until when others wait for it (seconds since the epoch)."""

    job: str
    until: float


class Known(msgspec.Struct, frozen=True):
    """All that the index says of a layer: hints, of which each is checked or costs no more than a detour."""

    name: str = ""
    """Of its bytes; empty when nothing names them."""
    settled: bool = False
    """Whether what is found out now may be learned under that name."""
    blob: Blob | None = None
    places: tuple[str, ...] = ()
    """Repositories of the same registry where the blob lay."""
    busy: Busy | None = None
    """Who else packs these bytes."""
    candidate: bool = False
    """Whether a layer of that name and size was packed into that repository before."""


def read_of(job: PackLayer) -> tuple[File, ...]:
    """Return the files that a layer's bytes are of: of a tile those that it is cut from; of a small run none.

    A small run is read to be found, as its files may be many.
    """
    if job.layer.tile is None:
        return job.layer.files
    return tuple(shard for one in job.checkpoints for shard in one.shards)


def named(job: PackLayer, volumes: Mapping[str, str]) -> str:
    """Return the name of a layer's bytes, given the volume of each file by its path; empty where nothing names them.

    Of a tile it is over its header, which says which tensors it holds, and over all that they may lie in.
    """
    layer, files = job.layer, read_of(job)
    names = {file.path: _content(content(file), volumes.get(file.path, "")) for file in files}
    if not names or not all(names.values()):
        return ""
    if layer.tile is not None:
        entries = (plan.entry(layer.tile),)
        names = {layer.tile.path: digest.of(msgspec.json.encode((layer.tile.digest, *names.values())))}
    else:
        entries = plan.entries(files)
    words = [
        ("content", names[piece.path]) if isinstance(piece, Content) else ("frame", digest.of(piece))
        for piece in tarball.frame(entries, root=layer.root)
    ]
    return digest.of(msgspec.json.encode(words))


def size(job: PackLayer) -> int:
    """Return how many bytes the layer has, a tar of what is named by `named`."""
    layer = job.layer
    return tarball.size((plan.entry(layer.tile),) if layer.tile else plan.entries(layer.files), root=layer.root)


def content(file: File) -> Content:
    """Return a file of a layer as its source is asked for it."""
    return Content(file.path, file.size, file.version)


def _content(one: Content, volume: str) -> str:
    if not volume or _STAT.fullmatch(one.version) is None:
        return ""
    return f"stat:{volume}:{one.size}:{one.version}"


def settled(job: PackLayer, now: float) -> bool:
    """Say whether every file was left alone for long enough before `now`, when its hashing has not begun."""
    found = [_STAT.fullmatch(file.version) for file in read_of(job)]
    return all(one is not None and int(one[1]) / 1e9 < now - SETTLED for one in found)


def is_small(layer: Layer) -> bool:
    """Say whether a layer is hashed before it is sent, where nothing is known of it: what is small is read quickly."""
    return layer.size < LARGE


def is_to_be_proven(job: PackLayer, blob: Blob) -> bool:
    """Say whether this is the layer of PROVEN that is read again: by an uid, which nobody chooses who writes files."""
    words = f"{job.about.uid}\n{job.about.generation}\n{job.layer.part}\n{blob.digest}"
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8]) % PROVEN == 0


def asker(job: PackLayer) -> str:
    """Return who packs: the part of an object, whichever worker has it in hand, and at whichever try."""
    words = f"{job.about.uid}\n{job.about.generation}\n{job.layer.part}"
    return hashlib.sha256(words.encode()).hexdigest()
