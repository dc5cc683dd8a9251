"""What image-builder changes in the world: the claim on a tag, and the image that it names."""

import asyncio

import msgspec

from shale.contracts.errors import Transient
from shale.contracts.facts import ImageBuilt
from shale.image_builder.claims import Claims
from shale.image_builder.seen import Claimed, ClaimTag, PublishImage, Seen, Taken
from shale.oci.manifest import MODELPACK_SUFFIX, Document, Image, build
from shale.oci.registry import Mismatch, Missing, Registry, push


async def claim(claims: Claims, registry: Registry, seen: Seen, effect: ClaimTag) -> Seen:
    """Claim the first tag that is free; a tag that was made up is not taken from content that is there already."""
    repo, uid = seen.spec.image_repo, seen.about.uid
    taken = Taken(effect.candidates[0], "is claimed")
    for tag in effect.candidates:
        owner = await claims.take(repo, tag, seen.about)
        if owner.uid != uid:
            taken = Taken(tag, f"is claimed by modelversion {owner.namespace}/{owner.name}")
            continue
        there = {} if seen.spec.image_tag else await asyncio.to_thread(_named, registry, repo, tag)
        if set(there.values()) <= set(owner.wrote):
            return msgspec.structs.replace(seen, tag=Claimed(tag))
        await claims.give_up(repo, tag, uid)
        taken = Taken(tag, "names other content")
    return msgspec.structs.replace(seen, tag=taken)


async def publish(claims: Claims, registry: Registry, seen: Seen, effect: PublishImage) -> Seen:
    """Push everything by digest, then the tags.

    A tag that names what was announced, or is not ours, does not move; nor does the ModelPack tag beside it, which
    somebody else may have made.
    """
    repo, uid = seen.spec.image_repo, seen.about.uid
    image = build([packed for _, packed in effect.layers], effect.tag)
    missing = await asyncio.to_thread(_missing, registry, repo, effect)
    if missing:
        return msgspec.structs.replace(seen, missing=missing)
    owner = await claims.take(repo, effect.tag, seen.about)
    if owner.uid != uid:
        return _taken(seen, effect, f"is claimed by modelversion {owner.namespace}/{owner.name}")
    there = await asyncio.to_thread(_named, registry, repo, effect.tag)
    wanted = {tag: named.digest for tag, named in image.tags}
    mine = set(owner.wrote) - seen.announced
    for tag, digest in there.items():
        if digest not in {wanted[tag], *mine}:
            return msgspec.structs.replace(seen, tag=Taken(tag, "names other content already"))
    await asyncio.to_thread(_push, registry, repo, image)
    if not await claims.will_write(repo, effect.tag, seen.about, (*there.values(), *wanted.values())):
        return _taken(seen, effect, "was claimed by another meanwhile")
    await asyncio.to_thread(_tag, registry, repo, image)
    return msgspec.structs.replace(seen, image=_built(seen, effect, image))


def _named(registry: Registry, repo: str, tag: str) -> dict[str, str]:
    """Return the digests that a tag and the ModelPack tag beside it name, of those that name anything."""
    found = {name: registry.resolve(repo, name) for name in (tag, tag + MODELPACK_SUFFIX)}
    return {name: there.digest for name, there in found.items() if there is not None}


def _missing(registry: Registry, repo: str, effect: PublishImage) -> tuple[str, ...]:
    return tuple(layer.part for layer, packed in effect.layers if registry.has(repo, packed.digest) != packed.size)


def _push(registry: Registry, repo: str, image: Image) -> None:
    """Push blobs and manifests by digest: whoever sees the tag finds everything behind it."""
    for blob in image.blobs:
        if isinstance(pushed := push(registry, repo, (blob.data,), blob.descriptor.digest), Mismatch):
            raise Transient(f"the registry took {pushed.found} for {pushed.expected}")
    for document in image.manifests:
        _put(registry, repo, document)


def _tag(registry: Registry, repo: str, image: Image) -> None:
    """Let the tags name the image: the last step, and the shortest that a pause may fall into."""
    documents = {document.descriptor.digest: document for document in image.manifests}
    for tag, named in image.tags:
        _put(registry, repo, documents[named.digest], tag)


def _put(registry: Registry, repo: str, document: Document, tag: str | None = None) -> None:
    put = registry.put_manifest(repo, document.data, document.descriptor.media_type, tag)
    if isinstance(put, Missing):
        raise Transient(f"the registry lost {', '.join(put.digests)} while {document.descriptor.digest} was pushed")


def _taken(seen: Seen, effect: PublishImage, by: str) -> Seen:
    return msgspec.structs.replace(seen, tag=Taken(effect.tag, by))


def _built(seen: Seen, effect: PublishImage, image: Image) -> ImageBuilt:
    name = f"{seen.spec.image_repo}:{effect.tag}"
    layers = tuple(packed for _, packed in effect.layers)
    return ImageBuilt(seen.about, name, image.index.digest, name + MODELPACK_SUFFIX, layers)
