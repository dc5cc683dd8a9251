"""The door to the bucket that claims and deletions are noted in."""

import hashlib
from typing import Protocol

TRIES = 8
"""Rounds of compare and swap before giving way: who meets us here is another process with the same work."""
TOMBSTONE = 3600.0
"""Seconds for which the bucket knows that a key was deleted: kept for ever, each listing would read them all."""


class Entry(Protocol):
    """One key as of one revision."""

    @property
    def value(self) -> bytes:
        """What was written."""
        ...

    @property
    def revision(self) -> int:
        """When."""
        ...


class Bucket(Protocol):
    """What claims need of a bucket: keys with compare-and-set. Every method raises Transient."""

    async def get(self, key: str) -> Entry | None:
        """Return what a key holds."""
        ...

    async def create(self, key: str, value: bytes, ttl: float | None = None) -> int | None:
        """Write a key that is not there; None when it is."""
        ...

    async def update(self, key: str, value: bytes, revision: int, ttl: float | None = None) -> int | None:
        """Write over exactly this revision; None when another one is there."""
        ...

    async def delete(self, key: str, revision: int, ttl: float | None = None) -> bool:
        """Delete exactly this revision; False when another one is there. What tells of it lasts for `ttl` seconds."""
        ...

    async def keys(self, prefix: str) -> frozenset[str]:
        """Return the keys under `prefix` and a dot, also of what was deleted lately.

        Every write that was answered before shows in them, and in what `get` returns.
        """
        ...


def hashed(text: str) -> str:
    """Return what stands for a text in a key."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
