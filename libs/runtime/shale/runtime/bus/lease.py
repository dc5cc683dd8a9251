"""One leader among many processes: a key with a time to live, renewed by compare-and-set."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from shale.contracts.errors import Transient
from shale.runtime.bus.buckets import Bucket

TTL = 10.0
"""Seconds after which a dead leader's lease is free; renewed three times as often."""

log = logging.getLogger("shale.lease")


class Lease:
    """The right to lead; whoever creates the key has it, and keeps it as long as it renews in time."""

    def __init__(self, bucket: Bucket, name: str, holder: str, ttl: float = TTL) -> None:
        self.bucket, self.key, self.holder, self.ttl = bucket, f"lease.{name}", holder.encode(), ttl
        self.leads = False

    async def lead(self, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        """Stand by until the lease is free, run `work` while it is held, and again; until `stop` is set.

        `work` watches `stop` by itself and ends in bounded time; it is cancelled when the lease is lost.
        """
        while not stop.is_set():
            revision = await self._take()
            if revision is not None:
                await self._while_held(work, revision)
            await _sleep(self.ttl / 3, stop)

    async def _take(self) -> int | None:
        try:
            return await self.bucket.create(self.key, self.holder, self.ttl)
        except Transient as error:
            log.warning("lease not taken", extra={"lease": self.key, "error": str(error)})
            return None

    async def _while_held(self, work: Callable[[], Awaitable[None]], revision: int) -> None:
        log.info("leading", extra={"lease": self.key})
        self.leads = True
        task = asyncio.ensure_future(work())
        held: int | None = revision
        try:
            while held is not None and not task.done():
                await asyncio.wait([task], timeout=self.ttl / 3)
                revision, held = held, await self._renew(held)
        finally:
            self.leads = False
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            log.info("no longer leading", extra={"lease": self.key})
        await self._give_back(revision if held is None else held)
        if not task.cancelled():
            task.result()

    async def _renew(self, revision: int) -> int | None:
        """Return the new revision; None when another has the lease, or the bus did not answer in time to be sure."""
        for _ in range(2):
            try:
                return await self.bucket.update(self.key, self.holder, revision, self.ttl)
            except Transient as error:
                log.warning("lease not renewed", extra={"lease": self.key, "error": str(error)})
        return None

    async def _give_back(self, revision: int) -> None:
        try:
            await self.bucket.delete(self.key, revision)
        except Transient as error:
            log.info("lease not given back: it ends by itself", extra={"error": str(error)})


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
