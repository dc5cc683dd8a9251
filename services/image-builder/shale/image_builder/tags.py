"""The last step: tags that move. A registry moves them for anybody, so the claim is read before it and after it.

A process that sleeps between the two moves what meanwhile is another's; awake, it sees that and puts it right.
"""

import msgspec

from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.image_builder.claims import Claim, Claims
from shale.image_builder.hands import in_thread
from shale.oci.manifest import Document, Image, media_type, parse
from shale.oci.registry import Missing, Registry


class Move(msgspec.Struct, frozen=True):
    """The claim of `tag` that we move under, what the tags are to name, and what they named before.

    `leads` are the manifests that are pushed.
    """

    repo: str
    tag: str
    about: About
    names: dict[str, str]
    before: tuple[str, ...]
    leads: tuple[str, ...]


async def note(claims: Claims, move: Move) -> bool:
    """Note a move in the claim; False when that is another's. Raises Transient when a newer generation moved."""
    return await claims.will_name(move.repo, move.tag, move.about, move.names, (*move.before, *move.leads))


async def heed(claims: Claims, move: Move) -> None:
    """See that nobody deletes what was noted, before it is pushed. Raises Transient while somebody does."""
    await claims.going.heed(move.repo, move.tag, frozenset((*move.names.values(), *move.leads)))


async def move(claims: Claims, registry: Registry, move: Move, image: Image) -> bool:
    """Let the tags name the image; False when the claim is another's, now or by the time that they are moved.

    Raises Transient when a newer generation moved them, and when they do not name it after all.
    """
    if not await note(claims, move):
        return False
    await in_thread(_move, registry, move.repo, image)
    owner, _ = await claims.find(move.repo, move.tag)
    if owner is None or (owner.uid, owner.generation) != (move.about.uid, move.about.generation):
        await in_thread(_give_back, registry, move, owner)
        return await note(claims, move)
    await in_thread(_verify, registry, move.repo, image)
    return True


def put(registry: Registry, repo: str, document: Document, tag: str | None = None) -> None:
    """Put a manifest whose blobs were there. Raises Transient when they are no more."""
    found = registry.put_manifest(repo, document.data, document.descriptor.media_type, tag)
    if isinstance(found, Missing):
        raise Transient(f"the registry lost {', '.join(found.digests)} while {document.descriptor.digest} was pushed")


def _move(registry: Registry, repo: str, image: Image) -> None:
    documents = {document.descriptor.digest: document for document in image.manifests}
    for tag, named in image.tags:
        put(registry, repo, documents[named.digest], tag)


def _give_back(registry: Registry, move: Move, owner: Claim | None) -> None:
    """Let each tag that still names what we wrote name what its owner noted; nothing, where that is nothing."""
    noted = owner.names if owner else {}
    for tag, digest in move.names.items():
        there = registry.resolve(move.repo, tag)
        if there is None or there.digest != digest or noted.get(tag) == digest:
            continue
        data = registry.manifest(move.repo, noted[tag]) if tag in noted else None
        if data is None:
            registry.untag(move.repo, tag)
        else:
            registry.put_manifest(move.repo, data, media_type(parse(data)), tag)


def _verify(registry: Registry, repo: str, image: Image) -> None:
    """See that all is there, by tag and by digest: what others delete at the same time is pushed again."""
    named = {descriptor.digest for _, descriptor in image.tags}
    names = dict(image.tags)
    names |= {one.descriptor.digest: one.descriptor for one in image.manifests if one.descriptor.digest not in named}
    for reference, wanted in names.items():
        there = registry.resolve(repo, reference)
        if there is None or there.digest != wanted.digest:
            raise Transient(f"{repo} does not hold {reference} as it was pushed: somebody else changes it")
