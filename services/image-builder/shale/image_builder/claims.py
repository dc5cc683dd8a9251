"""Tags are claimed before the first byte.

Registries have no compare-and-set on tags, a bucket has (spike-findings A7).
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec

from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.image_builder.bucket import TOMBSTONE, TRIES, Bucket, hashed
from shale.image_builder.going import Going

MOST = 10_000
"""Claims in one repository that are looked through for others who name the same manifest."""


class Claim(msgspec.Struct, frozen=True):
    """Whose a tag is, and what its owner let it (and the tags beside it) name, announced or not.

    `wrote` holds digests: what the tags named when they were moved last, what they were to name then, and what that
    leads to. Of these `names` are what they were to name, by their tags.
    """

    uid: str
    namespace: str
    name: str
    wrote: tuple[str, ...] = ()
    names: dict[str, str] = {}
    generation: int = 0
    """The newest generation of its owner that moved the tags: an older one that slept must not move them back."""


async def _never(uid: str) -> bool:
    del uid
    return False


class Claims:
    """The durable claims of all tags, one key per repository and tag.

    `is_gone` tells whether a uid is over: a claim that a process made after its object's release was done is free.
    `going` holds what is being deleted in the same repositories.
    """

    def __init__(
        self,
        bucket: Bucket,
        is_gone: Callable[[str], Awaitable[bool]] = _never,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.bucket, self.is_gone = bucket, is_gone
        self.going = Going(bucket, clock)

    async def find(self, repo: str, tag: str) -> tuple[Claim | None, int]:
        """Return the claim on a tag and its revision."""
        entry = await self.bucket.get(_key(repo, tag))
        return (msgspec.json.decode(entry.value, type=Claim), entry.revision) if entry else (None, 0)

    async def take(self, repo: str, tag: str, about: About) -> Claim:
        """Claim a tag if it is free; return whose it is now.

        Raises Transient when others come and go there, and for who is over: his release may have been through before,
        and nobody would undo what is named under this claim. A release that comes later finds it.
        """
        mine = Claim(about.uid, about.namespace, about.name)
        for _ in range(TRIES):
            if await self.bucket.create(_key(repo, tag), msgspec.json.encode(mine)) is not None:
                if not await self.is_gone(about.uid):
                    return mine
                await self.give_up(repo, tag, about.uid)
                raise Transient(f"{repo}:{tag} is not claimed any more: {about.namespace}/{about.name} is gone")
            found, revision = await self.find(repo, tag)
            if found is not None and (found.uid == about.uid or not await self.is_gone(found.uid)):
                return found
            if found is not None:
                await self.bucket.delete(_key(repo, tag), revision, TOMBSTONE)
        raise _contested(repo, tag)

    async def will_name(
        self, repo: str, tag: str, about: About, names: Mapping[str, str], beside: Iterable[str]
    ) -> bool:
        """Note what the tags are about to name, and what else is ours: what they named before, and what they lead to.

        So after a crash their own writer may move them, and nobody who deletes takes it away. False when the claim is
        not ours. Raises Transient when a newer generation moved the tags, or when too many write to the claim at once.
        """
        wanted = tuple(sorted({*names.values(), *beside}))
        for _ in range(TRIES):
            found, revision = await self.find(repo, tag)
            if found is None or found.uid != about.uid:
                return False
            if found.generation > about.generation:
                raise Transient(f"generation {found.generation} of {about.namespace}/{about.name} moved {repo}:{tag}")
            now = msgspec.structs.replace(found, wrote=wanted, names=dict(names), generation=about.generation)
            noted = msgspec.json.encode(now)
            if found == now or await self.bucket.update(_key(repo, tag), noted, revision) is not None:
                return True
        raise _contested(repo, tag)

    async def others(self, repo: str, uid: str) -> frozenset[str] | None:
        """Return the digests that claims of others in a repository name; None when there are more than `MOST`."""
        keys = await self.bucket.keys(_folder(repo))
        if len(keys) > MOST:
            return None
        entries = [await self.bucket.get(key) for key in sorted(keys)]
        claims = (msgspec.json.decode(entry.value, type=Claim) for entry in entries if entry)
        return frozenset(digest for claim in claims if claim.uid != uid for digest in claim.wrote)

    async def give_up(self, repo: str, tag: str, uid: str) -> None:
        """Free a tag if it is this uid's. Raises Transient when too many write to it at once."""
        for _ in range(TRIES):
            found, revision = await self.find(repo, tag)
            if found is None or found.uid != uid:
                return
            if await self.bucket.delete(_key(repo, tag), revision, TOMBSTONE):
                return
        raise _contested(repo, tag)


def _contested(repo: str, tag: str) -> Transient:
    return Transient(f"the claim on {repo}:{tag} changed {TRIES} times while it was written")


def _folder(repo: str) -> str:
    return f"tag.{hashed(repo)}"


def _key(repo: str, tag: str) -> str:
    return f"{_folder(repo)}.{hashed(tag)}"
