"""One leader among many processes: a key with a time to live, renewed by compare-and-set."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from shale.contracts.errors import Transient
from shale.runtime.bus.buckets import Bucket

TTL = 10.0
"""Seconds after which a dead leader's lease is free; renewed three times as often."""
STANDBY = 0.5
"""Seconds between two tries of who stands by (two small requests): so late a lease that was given back is taken."""

log = logging.getLogger("shale.lease")


class Held(msgspec.Struct, frozen=True):
    """The lease as we have it: the revision to renew, and until when (the event loop's clock) it is surely ours."""

    revision: int
    until: float


class Lease:
    """The right to lead; whoever creates the key has it, and keeps it as long as it renews in time.

    `holder` is for people; what the key holds is this very Lease's own, so that it knows its word again when the
    answer to it was lost.
    """

    def __init__(self, bucket: Bucket, name: str, holder: str, ttl: float = TTL) -> None:
        self.bucket, self.key, self.ttl = bucket, f"lease.{name}", ttl
        self.holder = f"{holder} {secrets.token_hex(8)}".encode()
        self.leads = False
        self._held: Held | None = None

    async def lead(self, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        """Stand by until the lease is free, run `work` while it is held, and again; until `stop` is set.

        `work` watches `stop` by itself and ends in bounded time; it is cancelled when the lease is lost. What it raises
        is raised here.
        """
        while not stop.is_set():
            held = await self._take()
            if held is not None:
                await self._while_held(work, held)
            await _sleep(min(STANDBY, self.ttl / 3), stop)

    async def _while_held(self, work: Callable[[], Awaitable[None]], held: Held) -> None:
        log.info("leading", extra={"lease": self.key})
        self.leads, self._held = True, held
        both = asyncio.ensure_future(work()), asyncio.ensure_future(self._keep())
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.leads = False
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            log.info("no longer leading", extra={"lease": self.key})
        await self._give_back()
        for one in both:
            if not one.cancelled():
                one.result()

    async def _keep(self) -> None:
        """Renew until the lease is lost."""
        while self._held is not None:
            await asyncio.sleep(self.ttl / 3)
            self._held = await self._renew(self._held)

    async def _renew(self, held: Held) -> Held | None:
        """Return the lease renewed; None when another has it, or the bus did not answer while it was surely ours."""
        clock = asyncio.get_running_loop().time
        while (left := held.until - clock()) > 0:
            try:
                return await self._write(held.revision, min(left, self.ttl / 3))
            except (Transient, TimeoutError) as error:
                self._complain("lease not renewed", error)
            await asyncio.sleep(min(self.ttl / 20, max(0.0, held.until - clock())))
        return None

    async def _take(self) -> Held | None:
        try:
            return await self._write(0, self.ttl / 3)
        except (Transient, TimeoutError) as error:
            self._complain("lease not taken", error)
            return None

    async def _write(self, revision: int, within: float) -> Held | None:
        """Create the key (revision 0) or renew it; None when another holds it. Raises Transient, TimeoutError.

        A refusal may be an answer of ours that was lost: then the key holds our word, at a revision that we do not
        know, and that one is renewed.
        """
        begun = asyncio.get_running_loop().time()
        async with asyncio.timeout(within):
            if revision:
                written = await self.bucket.update(self.key, self.holder, revision, self.ttl)
            else:
                written = await self.bucket.create(self.key, self.holder, self.ttl)
            if written is None:
                unheard = await self._unheard()
                written = await self.bucket.update(self.key, self.holder, unheard, self.ttl) if unheard else None
        return None if written is None else Held(written, begun + self.ttl)

    async def _unheard(self) -> int | None:
        """Return the revision of our word, if it is ours that the key holds."""
        there = await self.bucket.get(self.key)
        return there.revision if there is not None and there.value == self.holder else None

    async def _give_back(self) -> None:
        """Let another lead at once, unless the lease is lost; who ends does not wait long for it."""
        if self._held is None:
            return
        try:
            async with asyncio.timeout(min(1.0, self.ttl / 3)):
                if not await self.bucket.delete(self.key, self._held.revision) and (unheard := await self._unheard()):
                    await self.bucket.delete(self.key, unheard)
        except (Transient, TimeoutError) as error:
            self._complain("lease not given back: it ends by itself", error)

    def _complain(self, what: str, error: Exception) -> None:
        log.warning(what, extra={"lease": self.key, "error": str(error) or type(error).__name__})


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):  # `wait_for` may lose a cancellation
            await stop.wait()
    except TimeoutError:
        return
