"""A blob whose digest is known is looked for, and mounted from where it lay: no byte of the source is read."""

import logging
from collections.abc import Callable

import msgspec

from shale.builder_sync.known import Blob
from shale.contracts.errors import Transient
from shale.oci.digest import Hasher
from shale.oci.registry import Registry

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
