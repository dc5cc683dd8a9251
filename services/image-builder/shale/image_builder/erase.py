"""What `deletionPolicy: Delete` takes out of a registry: what is this object's, and named by nobody else.

First the tags, then the claim, then the manifests: of several that delete the same image at once, the last one that
lets go of its claim finds nobody else who names it. Cut anywhere, the same is done again from the registry's own state.
Layers are the registry's to collect (a folder does it at once).
"""

from collections.abc import Iterable

import msgspec

from shale.contracts.facts import ImageBuilt
from shale.image_builder.claims import Claims
from shale.image_builder.hands import in_thread
from shale.oci.manifest import Index, build, parse, tags_beside
from shale.oci.registry import Registry, Unsupported

MOST_TAGS = 1000
"""Tags that are looked through for others who name the same manifest: each is a request or two."""


class Erasure(msgspec.Struct, frozen=True):
    """Whose image goes, where from, the tags that it may have had, and the images that were told of it."""

    uid: str
    repo: str
    tags: tuple[str, ...]
    images: tuple[ImageBuilt, ...]

    def digests(self) -> frozenset[str]:
        """Return all manifests that were told of, worked out from the layers: a cut may leave nothing else."""
        told = {image.digest for image in self.images}
        built = (build(image.layers, "") for image in self.images)
        return frozenset(told | {one.descriptor.digest for image in built for one in image.manifests})


async def erase(claims: Claims, registry: Registry, erasure: Erasure) -> tuple[str, ...]:
    """Delete an object's image; return what is left, by name and with the reason. Raises Transient (Refused too)."""
    ours, repo, uid = erasure.digests(), erasure.repo, erasure.uid
    left: tuple[str, ...] = ()
    for tag in erasure.tags:
        owner, _ = await claims.find(repo, tag)
        if owner is not None and owner.uid == uid:
            ours |= frozenset(owner.wrote)
            left += await in_thread(_untag, registry, repo, tag, ours)
            await claims.give_up(repo, tag, uid)
    if left:
        return left
    others = await claims.others(repo, uid)
    return await in_thread(_delete, registry, repo, ours, others)


def _untag(registry: Registry, repo: str, tag: str, ours: frozenset[str]) -> tuple[str, ...]:
    """Let the tags that name what is ours name nothing; return those for which the registry has no way.

    A tag that names nothing is untagged as well: it may be half taken away, by who was cut off.
    """
    left: list[str] = []
    for one in tags_beside(tag):
        there = registry.resolve(repo, one)
        if there is not None and there.digest not in ours:
            continue
        if isinstance(found := registry.untag(repo, one), Unsupported) and there is not None:
            left.append(f"{repo}:{one}@{there.digest}: {found.message}")
    return tuple(left)


def _delete(registry: Registry, repo: str, ours: frozenset[str], others: frozenset[str]) -> tuple[str, ...]:
    """Delete the manifests that nobody else names: indexes first, for they name others."""
    there = [digest for digest in sorted(ours) if registry.resolve(repo, digest) is not None]
    tags = registry.tags(repo) if there else ()
    if len(tags) > MOST_TAGS:
        why = f"{repo} has {len(tags)} tags, more than are looked through for others that name it"
        return tuple(f"{repo}@{digest}: {why}" for digest in there)
    named = {found.digest for tag in tags if (found := registry.resolve(repo, tag)) is not None}
    kept = _with_children(registry, repo, others | named)
    doomed = sorted(set(there) - kept, key=lambda one: not _children(registry, repo, one))
    results = [(digest, registry.delete(repo, digest)) for digest in doomed]
    return tuple(f"{repo}@{digest}: {found.message}" for digest, found in results if isinstance(found, Unsupported))


def _with_children(registry: Registry, repo: str, digests: Iterable[str]) -> frozenset[str]:
    return frozenset(one for digest in digests for one in (digest, *_children(registry, repo, digest)))


def _children(registry: Registry, repo: str, digest: str) -> tuple[str, ...]:
    """Return the manifests that an index names; none for what is none, or is not there."""
    data = registry.manifest(repo, digest)
    try:
        document = parse(data) if data is not None else None
    except msgspec.MsgspecError:
        return ()
    return tuple(entry.digest for entry in document.manifests) if isinstance(document, Index) else ()
