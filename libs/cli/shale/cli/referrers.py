"""What names a manifest as its subject: asked from a registry that knows, else found among the repository's tags."""

from typing import Protocol, runtime_checkable

import msgspec

from shale.oci import manifest
from shale.oci.descriptor import Descriptor
from shale.oci.registry import Registry

MOST_TAGS = 200
"""Tags that are looked through at most: each is a request."""


@runtime_checkable
class Knows(Protocol):
    """A registry that lists referrers itself."""

    def referrers(self, repo: str, digest: str) -> tuple[Descriptor, ...]:
        """Return what names a manifest as its subject."""
        ...


def referrers(registry: Registry, repo: str, digest: str) -> tuple[Descriptor, ...]:
    """Return them, each with its artifact type. Raises Transient."""
    if isinstance(registry, Knows):
        return registry.referrers(repo, digest)
    tags = sorted(registry.tags(repo), key=lambda tag: not tag.endswith(manifest.MODELPACK_SUFFIX))
    found = (_refers(registry, repo, tag, digest) for tag in tags[:MOST_TAGS])
    return tuple({one.digest: one for one in found if one is not None}.values())


def _refers(registry: Registry, repo: str, tag: str, digest: str) -> Descriptor | None:
    entry = registry.resolve(repo, tag)
    data = registry.manifest(repo, entry.digest) if entry else None
    if entry is None or data is None:
        return None
    document = manifest.parse(data)
    if document.subject is None or document.subject.digest != digest:
        return None
    return msgspec.structs.replace(entry, artifact_type=document.artifact_type)
