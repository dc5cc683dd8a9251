"""A bucket in memory that obeys the laws of the real one, the unkind ones too: writers meet, slow readers miss."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One key as of one revision."""

    key: str
    value: bytes
    revision: int
    deleted: bool = False


class Kept(msgspec.Struct, frozen=True):
    """The last entry of a key, and when it expires on the bucket's clock."""

    entry: Entry
    expires: float


class MemoryBucket:
    """Keeps one entry per key; `clock` counts seconds. Every call gives way first, so that writers meet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, Kept] = {}
        self._revision = 0
        self._written = asyncio.Condition()

    async def get(self, key: str) -> Entry | None:
        """Return the key's entry unless it is deleted or expired."""
        await asyncio.sleep(0)
        return self._there(key)

    async def create(self, key: str, value: bytes, ttl: float | None = None) -> int | None:
        """Write a key that is not there."""
        await asyncio.sleep(0)
        return None if self._there(key) else await self._write(key, value, ttl)

    async def update(self, key: str, value: bytes, revision: int, ttl: float | None = None) -> int | None:
        """Write over exactly `revision`."""
        await asyncio.sleep(0)
        return await self._write(key, value, ttl) if self._is_at(key, revision) else None

    async def delete(self, key: str, revision: int, ttl: float | None = None) -> bool:
        """Delete exactly `revision`."""
        await asyncio.sleep(0)
        if not self._is_at(key, revision):
            return False
        await self._write(key, b"", ttl, deleted=True)
        return True

    async def list(self, prefix: str) -> tuple[list[Entry], int]:
        """Return the entries under `prefix` and a dot, and the last revision of all."""
        await asyncio.sleep(0)
        there = (self._there(key) for key in self._kept if key.startswith(f"{prefix}."))
        return [entry for entry in there if entry], self._revision

    async def keys(self, prefix: str) -> frozenset[str]:
        """Return the keys under `prefix` and a dot, also of what was deleted."""
        await asyncio.sleep(0)
        return frozenset(entry.key for entry in self._all(prefix))

    async def watch(self, prefix: str, after: int) -> AsyncGenerator[Entry]:
        """Yield the last entry of every key that changes above `after`."""
        while True:
            fresh = [entry for entry in self._all(prefix) if entry.revision > after]
            for entry in sorted(fresh, key=lambda entry: entry.revision)[:1]:
                after = entry.revision
                yield entry
            if not fresh:
                await self._wait(prefix, after)

    async def _wait(self, prefix: str, after: int) -> None:
        async with self._written:
            await self._written.wait_for(lambda: any(entry.revision > after for entry in self._all(prefix)))

    def _all(self, prefix: str) -> tuple[Entry, ...]:
        now = self._clock()
        under = [kept for key, kept in self._kept.items() if key.startswith(f"{prefix}.")]
        return tuple(kept.entry for kept in under if kept.expires > now)

    def _there(self, key: str) -> Entry | None:
        kept = self._kept.get(key)
        return kept.entry if kept and not kept.entry.deleted and kept.expires > self._clock() else None

    def _is_at(self, key: str, revision: int) -> bool:
        entry = self._there(key)
        return entry is not None and entry.revision == revision

    async def _write(self, key: str, value: bytes, ttl: float | None, *, deleted: bool = False) -> int:
        # No await between a check and its write: this is the compare and swap. Waking the watches comes after.
        self._revision += 1
        written = self._revision
        expires = math.inf if ttl is None else self._clock() + ttl
        self._kept[key] = Kept(Entry(key, value, written, deleted), expires)
        async with self._written:
            self._written.notify_all()
        return written
