"""What `deletionPolicy: Delete` takes out of a registry: what is this object's, and named by nobody else.

First a note of all of it, for who publishes the same meanwhile, and for the next try after a cut: then the tags, the
claim, the manifests. Of several that delete the same image at once, the last one that lets go of its claim finds nobody
else who names it. Cut anywhere, the same is done again from the note and the registry's own state. Layers are the
registry's to collect (a folder does it at once).
"""

from collections.abc import Iterable

import msgspec

from shale.contracts.facts import ImageBuilt
from shale.image_builder.claims import Claims
from shale.image_builder.going import Held
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


class Crowded(msgspec.Struct, frozen=True):
    """Too many others may name it; what is left therefore."""

    left: tuple[str, ...]


async def erase(claims: Claims, registry: Registry, erasure: Erasure) -> tuple[str, ...]:
    """Delete an object's image; return what is left, by name and with the reason. Raises Transient (Refused too)."""
    repo, uid = erasure.repo, erasure.uid
    wrote = await noted(claims, erasure)
    held = await claims.going.begin(repo, uid, erasure.tags, erasure.digests() | wrote)
    ours = frozenset(held.note.digests)
    left: tuple[str, ...] = ()
    for tag in erasure.tags:
        owner, _ = await claims.find(repo, tag)
        if owner is not None and owner.uid == uid:
            held = await claims.going.renew(held)
            left += await in_thread(_untag, registry, repo, tag, ours)
            await claims.give_up(repo, tag, uid)
    if not left:
        held, left = await _delete(claims, registry, held)
    await claims.going.end(held)
    return left


async def noted(claims: Claims, erasure: Erasure) -> frozenset[str]:
    """Return the digests that were noted as this object's: whatever was told, they may lie in the registry."""
    found = await claims.going.noted(erasure.repo, erasure.uid)
    for tag in erasure.tags:
        owner, _ = await claims.find(erasure.repo, tag)
        if owner is not None and owner.uid == erasure.uid:
            found |= frozenset(owner.wrote)
    return found


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


async def _delete(claims: Claims, registry: Registry, held: Held) -> tuple[Held, tuple[str, ...]]:
    """Delete the manifests that nobody else names; return the note as it is then, and what is left."""
    repo, ours = held.repo, frozenset(held.note.digests)
    others = await claims.others(repo, held.note.uid)
    doomed = await in_thread(_doomed, registry, repo, ours, others)
    if isinstance(doomed, Crowded):
        return held, doomed.left
    left: list[str] = []
    for digest in doomed:
        held = await claims.going.renew(held)
        if isinstance(found := await in_thread(registry.delete, repo, digest), Unsupported):
            left.append(f"{repo}@{digest}: {found.message}")
    return held, tuple(left)


def _doomed(
    registry: Registry, repo: str, ours: frozenset[str], others: frozenset[str] | None
) -> tuple[str, ...] | Crowded:
    """Return what is there of ours and named by nobody else: indexes first, for they name others."""
    there = [digest for digest in sorted(ours) if registry.resolve(repo, digest) is not None]
    tags = registry.tags(repo) if there else ()
    if others is None or len(tags) > MOST_TAGS:
        many = f"{len(tags)} tags" if others is not None else "tags of too many versions"
        why = f"{repo} has {many}, more than are looked through for others that name it"
        return Crowded(tuple(f"{repo}@{digest}: {why}" for digest in there))
    named = {found.digest for tag in tags if (found := registry.resolve(repo, tag)) is not None}
    kept = _with_children(registry, repo, others | named)
    return tuple(sorted(set(there) - kept, key=lambda one: not _children(registry, repo, one)))


def _with_children(registry: Registry, repo: str, digests: Iterable[str]) -> frozenset[str]:
    return frozenset(one for digest in digests for one in (digest, *_children(registry, repo, digest)))


def _children(registry: Registry, repo: str, digest: str) -> tuple[str, ...]:
    """Return the manifests that an index names; none for what is none, or is not there."""
    data = registry.manifest(repo, digest)
    try:
        document = parse(data) if data is not None else None
    except (msgspec.MsgspecError, RecursionError):
        return ()
    return tuple(entry.digest for entry in document.manifests) if isinstance(document, Index) else ()
