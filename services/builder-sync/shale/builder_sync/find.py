"""A blob whose digest is known is looked for, and mounted from where it lay: next to nothing of the source is read.

What is known may be wrong, and a wrong blob must not be published: two samples of it are held against the source.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from shale.builder_sync.known import Blob
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer
from shale.oci.digest import Hasher
from shale.oci.registry import NoRangesError, Registry

SAMPLE = 64 * 1024
"""Bytes of a sample: of the layer's first, which name the file and its size, and of a place that the job draws."""

log = logging.getLogger("shale.builder-sync")


class Place(msgspec.Struct, frozen=True):
    """A repository to be mounted from. With `moved`, what lies there is read first, and `moved` told of each block.

    That is for folders: there a blob is a file for each repository, and one that was damaged must not become that of
    another. A registry keeps one for all of them, and gives it out whoever mounts.
    """

    repo: str
    moved: Callable[[int], None] | None = None

    def is_whole(self, registry: Registry, digest: str) -> bool:
        """Say whether it holds what its name says, as far as that is to be seen here. Raises what `moved` raises."""
        if self.moved is None:
            return True
        hasher = Hasher()
        for block in registry.pull(self.repo, digest) or ():
            hasher.update(block)
            self.moved(hasher.size)
        return hasher.digest == digest


class Sampled(Protocol):
    """A layer as its source has it."""

    def sample(self, start: int, end: int) -> bytes:
        """Return its bytes from `start` to `end`."""
        ...


def is_there(registry: Registry, repo: str, blob: Blob) -> bool:
    """Say whether a layer, and the table of its tensors, are in a repository in their sizes."""
    if registry.has(repo, blob.digest) != blob.size:
        return False
    return not blob.table or registry.has(repo, blob.table) == blob.table_size


def is_mounted(registry: Registry, repo: str, blob: Blob, places: tuple[Place, ...]) -> bool:
    """Mount it from one of the places; False when it has to be sent. With the login that `registry` was opened with."""
    wanted = tuple(digest for digest in (blob.digest, blob.table) if digest)
    for place in places:
        try:
            if not all(place.is_whole(registry, digest) for digest in wanted):
                continue
            if all(registry.mount(repo, digest, place.repo) for digest in wanted) and is_there(registry, repo, blob):
                return True
        except (Transient, ValueError) as error:  # whatever that place says, the layer can be sent
            log.info("not mounted", extra={"blob": blob.digest, "error": str(error)})
    return False


def agrees(registry: Registry, job: PackLayer, blob: Blob, body: Sampled) -> bool:
    """Say whether a blob that is there has the bytes of a layer's source where it is sampled.

    True also where a registry gives out no parts of blobs. Raises Transient, and what reading raises.
    """
    words = f"{job.about.uid}\n{job.about.generation}\n{job.layer.part}"
    drawn = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8]) % blob.size
    for start in (0, drawn):
        end = min(start + SAMPLE, blob.size)
        try:
            theirs = b"".join(registry.pull(job.repo, blob.digest, start, end) or ())
        except NoRangesError:
            return True
        if theirs != body.sample(start, end):
            log.warning("a known layer is another", extra={"layer": job.layer.name, "known": blob.digest})
            return False
    return True
