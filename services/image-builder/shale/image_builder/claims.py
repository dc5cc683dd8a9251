"""Tags are claimed before the first byte.

Registries have no compare-and-set on tags, a bucket has (spike-findings A7).
"""

import hashlib

import msgspec

from shale.contracts.about import About
from shale.runtime.bus.buckets import Bucket


class Claim(msgspec.Struct, frozen=True):
    """Whose a tag is, and the digest that its owner last let it name, announced or not."""

    uid: str
    namespace: str
    name: str
    wrote: str = ""


class Claims:
    """The durable claims of all tags, one key per repository and tag."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    async def find(self, repo: str, tag: str) -> tuple[Claim | None, int]:
        """Return the claim on a tag and its revision."""
        entry = await self.bucket.get(_key(repo, tag))
        return (msgspec.json.decode(entry.value, type=Claim), entry.revision) if entry else (None, 0)

    async def take(self, repo: str, tag: str, about: About) -> Claim:
        """Claim a tag if it is free; return whose it is now."""
        mine = Claim(about.uid, about.namespace, about.name)
        if await self.bucket.create(_key(repo, tag), msgspec.json.encode(mine)) is not None:
            return mine
        found, _ = await self.find(repo, tag)
        return found or await self.take(repo, tag, about)

    async def will_write(self, repo: str, tag: str, uid: str, digest: str) -> bool:
        """Note what the tag is about to name, so that after a crash its own writer may move it.

        False when it is not ours.
        """
        found, revision = await self.find(repo, tag)
        if found is None or found.uid != uid:
            return False
        noted = msgspec.json.encode(msgspec.structs.replace(found, wrote=digest))
        return found.wrote == digest or await self.bucket.update(_key(repo, tag), noted, revision) is not None

    async def give_up(self, repo: str, tag: str, uid: str) -> None:
        """Free a tag if it is this uid's."""
        found, revision = await self.find(repo, tag)
        if found is not None and found.uid == uid:
            await self.bucket.delete(_key(repo, tag), revision)


def _key(repo: str, tag: str) -> str:
    return f"tag.{hashlib.sha256(f'{repo}:{tag}'.encode()).hexdigest()[:32]}"
