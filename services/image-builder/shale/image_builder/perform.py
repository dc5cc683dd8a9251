"""What image-builder changes in the world: the claim on a tag, and the image that it names."""

from collections.abc import Iterable

import msgspec

from shale.contracts.artifact import PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.facts import ImageBuilt
from shale.image_builder import tags
from shale.image_builder.claims import Claims
from shale.image_builder.hands import in_thread
from shale.image_builder.seen import Claimed, ClaimTag, PublishImage, Reached, Seen, Taken
from shale.oci.manifest import MODELPACK_SUFFIX, Image, build, tags_beside
from shale.oci.registry import Mismatch, Registry, push


async def check(registry: Registry, seen: Seen) -> Seen:
    """Ask whether the registry lets us push."""
    found = await in_thread(registry.check, seen.spec.image_repo, push=True)
    return msgspec.structs.replace(seen, reached=found or Reached())


async def claim(claims: Claims, registry: Registry, seen: Seen, effect: ClaimTag) -> Seen:
    """Claim the first tag that is free; a tag that was made up is not taken from content that is there already."""
    repo, uid = seen.spec.image_repo, seen.about.uid
    taken = Taken(effect.candidates[0], "is claimed")
    for tag in effect.candidates:
        owner = await claims.take(repo, tag, seen.about)
        if owner.uid != uid:
            taken = Taken(tag, f"is claimed by modelversion {owner.namespace}/{owner.name}")
            continue
        there = {} if seen.spec.image_tag else await in_thread(_named, registry, repo, tags_beside(tag))
        if set(there.values()) <= set(owner.wrote):
            return msgspec.structs.replace(seen, tag=Claimed(tag))
        await claims.give_up(repo, tag, uid)
        taken = Taken(tag, "names other content")
    return msgspec.structs.replace(seen, tag=taken)


async def publish(claims: Claims, registry: Registry, seen: Seen, effect: PublishImage) -> Seen:
    """Push everything by digest, then the tags.

    A tag that names what was announced, or is not ours, does not move; nor do the tags beside it, which somebody else
    may have made. One that is being deleted is waited for.
    """
    repo, uid = seen.spec.image_repo, seen.about.uid
    image = build([packed for _, packed in effect.layers], effect.tag, children=registry.orphans(repo))
    missing = await in_thread(_missing, registry, repo, effect)
    if missing:
        return msgspec.structs.replace(seen, missing=missing)
    owner = await claims.take(repo, effect.tag, seen.about)
    if owner.uid != uid:
        return _taken(seen, effect, f"is claimed by modelversion {owner.namespace}/{owner.name}")
    wanted = {tag: named.digest for tag, named in image.tags}
    there = await in_thread(_named, registry, repo, wanted)
    mine = set(owner.wrote) - seen.announced
    for tag, digest in there.items():
        if digest not in {wanted[tag], *mine}:
            await claims.going.heed(repo, effect.tag, frozenset())
            return msgspec.structs.replace(seen, tag=Taken(tag, "names other content already"))
    leads = tuple(document.descriptor.digest for document in image.manifests)
    move = tags.Move(repo, effect.tag, seen.about, wanted, tuple(there.values()), leads)
    if not await tags.note(claims, move):
        return _taken(seen, effect, "was claimed by another meanwhile")
    await tags.heed(claims, move)
    await in_thread(_push, registry, repo, image)
    if not await tags.move(claims, registry, move, image):
        return _taken(seen, effect, "was claimed by another meanwhile")
    return msgspec.structs.replace(seen, image=_built(seen, effect, image))


def _named(registry: Registry, repo: str, names: Iterable[str]) -> dict[str, str]:
    """Return the digests that tags name, of those that name anything."""
    found = {name: registry.resolve(repo, name) for name in names}
    return {name: there.digest for name, there in found.items() if there is not None}


def _missing(registry: Registry, repo: str, effect: PublishImage) -> tuple[str, ...]:
    return tuple(layer.part for layer, packed in effect.layers if not _is_there(registry, repo, packed))


def _is_there(registry: Registry, repo: str, packed: PackedLayer) -> bool:
    table = not packed.table or registry.has(repo, packed.table) == packed.table_size
    return table and registry.has(repo, packed.digest) == packed.size


def _push(registry: Registry, repo: str, image: Image) -> None:
    """Push blobs and manifests by digest: whoever sees the tag finds everything behind it."""
    for blob in image.blobs:
        if isinstance(pushed := push(registry, repo, blob.data, blob.descriptor.digest), Mismatch):
            raise Transient(f"the registry took {pushed.found} for {pushed.expected}")
    for document in image.manifests:
        tags.put(registry, repo, document)


def _taken(seen: Seen, effect: PublishImage, by: str) -> Seen:
    return msgspec.structs.replace(seen, tag=Taken(effect.tag, by))


def _built(seen: Seen, effect: PublishImage, image: Image) -> ImageBuilt:
    name = f"{seen.spec.image_repo}:{effect.tag}"
    layers = tuple(packed for _, packed in effect.layers)
    return ImageBuilt(seen.about, name, image.index.digest, name + MODELPACK_SUFFIX, layers)
