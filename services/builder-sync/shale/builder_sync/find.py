"""A blob whose digest is known is looked for, and mounted from where it lay: no byte of the source is read."""

import logging

from shale.builder_sync.known import Blob
from shale.contracts.errors import Transient
from shale.oci.registry import Registry

log = logging.getLogger("shale.builder-sync")


def is_there(registry: Registry, repo: str, blob: Blob) -> bool:
    """Say whether a layer, and the table of its tensors, are in a repository in their sizes."""
    if registry.has(repo, blob.digest) != blob.size:
        return False
    return not blob.table or registry.has(repo, blob.table) == blob.table_size


def is_mounted(registry: Registry, repo: str, blob: Blob, places: tuple[str, ...]) -> bool:
    """Mount it from one of the places; False when it has to be sent. With the login that `registry` was opened with."""
    wanted = tuple(digest for digest in (blob.digest, blob.table) if digest)
    for place in places:
        try:
            if all(registry.mount(repo, digest, place) for digest in wanted) and is_there(registry, repo, blob):
                return True
        except (Transient, ValueError) as error:  # whatever that place says, the layer can be sent
            log.info("not mounted", extra={"blob": blob.digest, "error": str(error)})
    return False
