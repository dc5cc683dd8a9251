"""Single flight: of several who are to pack the same bytes for the same registry one does, and the others wait for it.

It is a claim that its holder renews as long as its work moves. Who dies, or moves no more, loses it by its time to
live; and whatever happens, nobody waits longer than the bytes take at the slowest: doing them twice costs time alone.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from shale.builder_sync.index import Index
from shale.builder_sync.known import Busy, asker
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer
from shale.runtime.beat import Beat

TTL = 30.0
"""Seconds that a claim lives without being renewed, which is tried three times as often."""
GRACE, SLOWEST = 60.0, 10e6
"""Others wait so many seconds, and for so many bytes a second: the slowest source that the benches count with."""


class Flight:
    """The claim on one name; whoever holds none packs all the same, unless another is at it."""

    def __init__(self, index: Index, key: str, job: PackLayer, now: float, ttl: float = TTL) -> None:
        self._index, self._key, self._ttl, self._now = index, key, ttl, now
        self._mine = Busy(asker(job), now + GRACE + job.layer.size / SLOWEST)
        self._revision = 0

    @asynccontextmanager
    async def held(self, beat: Beat) -> AsyncGenerator[Busy | None]:
        """Hold the claim while there is work; yields who has it instead, and then there is nothing to do.

        A process that is killed frees nothing: its claim ends by itself.
        """
        other = await self._quietly_taken()
        renewing = asyncio.ensure_future(self._renew(beat)) if self._revision else None
        try:
            yield other
        except (Exception, asyncio.CancelledError):
            await self._free(renewing)
            raise
        await self._free(renewing)

    async def _quietly_taken(self) -> Busy | None:
        if not self._key:
            return None
        try:
            async with asyncio.timeout(self._index.patience):
                return await self._taken()
        except (Transient, TimeoutError):
            return None

    async def _taken(self) -> Busy | None:
        """Take the claim; return who has it. One that this very job left behind is ours: it is in our hands now."""
        bucket, value = self._index.bucket, self._index.seal.closed(self._key, self._mine)
        self._revision = await bucket.create(self._key, value, self._ttl) or 0
        there = None if self._revision else await bucket.get(self._key)
        if there is None:
            return None
        other = self._index.seal.opened(self._key, there.value, Busy)
        if other is not None and other.job != self._mine.job and self._now < other.until:
            return other
        self._revision = await bucket.update(self._key, value, there.revision, self._ttl) or 0
        return None

    async def _renew(self, beat: Beat) -> None:
        """Renew the claim while the work moves, until it is another's."""
        signs, value = beat.signs, self._index.seal.closed(self._key, self._mine)
        while self._revision:
            await asyncio.sleep(self._ttl / 3)
            if beat.signs == signs:
                continue
            signs = beat.signs
            try:
                self._revision = await self._index.bucket.update(self._key, value, self._revision, self._ttl) or 0
            except Transient:
                continue

    async def _free(self, renewing: asyncio.Future[None] | None) -> None:
        """Let others at it; a claim that is another's by now stays."""
        if renewing is None:
            return
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        try:
            async with asyncio.timeout(self._index.patience):
                if self._revision:
                    await self._index.bucket.delete(self._key, self._revision, 1)
        except (Transient, TimeoutError):
            return  # it ends by itself
