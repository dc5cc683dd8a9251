"""One leader among many, on a real server: who leads, who takes over and when, and what a lost answer costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from shale.contracts.streams import CLAIM
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.connection import connected
from shale.runtime.bus.lease import Lease
from shale.testkit.fixtures import provision_bucket
from shale.testkit.soon import soon, soon_asked
from shale.testkit.wire import Wire

pytestmark = pytest.mark.real_nats

TTL = 1.0
"""The least that the server knows."""
SLOW = 2.0
"""For leases whose connection is cut: a client comes back within half a second."""
LONG = 300.0
"""A lease that ends by itself only after every patience: who leads before that was given it."""
KEY = "lease.test"


class Holder:
    """One who would lead: how often it worked, and how often its work was cancelled; `drain` in seconds."""

    def __init__(self, bucket: Bucket, name: str, drain: float, ttl: float) -> None:
        self.lease, self.drain = Lease(bucket, "test", name, ttl), drain
        self.stop = asyncio.Event()
        self.worked = self.cancelled = 0

    @property
    def leads(self) -> bool:
        return self.lease.leads

    async def work(self) -> None:
        self.worked += 1
        try:
            await self.stop.wait()
            await asyncio.sleep(self.drain)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@asynccontextmanager
async def holding(bucket: Bucket, name: str = "one", drain: float = 0, ttl: float = TTL) -> AsyncGenerator[Holder]:
    """Yield who would lead, and end it in order."""
    holder = Holder(bucket, name, drain, ttl)
    task = asyncio.ensure_future(holder.lease.lead(holder.work, holder.stop))
    try:
        yield holder
    finally:
        holder.stop.set()
        await asyncio.wait_for(task, 60)


@pytest.fixture
async def wired(own_nats) -> AsyncGenerator[tuple[Wire, Bucket, Bucket]]:
    """A wire, the bucket at its end, and the same bucket by another way."""
    async with (
        Wire(own_nats.port) as wire,
        connected(own_nats.url, "other", fatal=False) as other,
    ):
        await provision_bucket(other, CLAIM.name)
        async with connected(wire.url, "test", fatal=False) as bus:
            yield wire, Bucket(bus, CLAIM.name), Bucket(other, CLAIM.name)


async def test_of_two_holders_one_leads_for_as_long_as_it_lives_even_when_they_have_one_name(real_bucket):
    async with holding(real_bucket, "pod") as one:
        await soon(lambda: one.leads)
        async with holding(real_bucket, "pod") as two:
            await asyncio.sleep(1.25 * TTL)
            assert (one.leads, two.leads) == (True, False)
            assert (one.worked, two.worked) == (1, 0)


async def test_who_ends_gives_the_lease_back_and_the_other_leads_at_once(real_bucket):
    async with holding(real_bucket, "one", ttl=LONG) as one:
        await soon(lambda: one.leads)
        async with holding(real_bucket, "two", ttl=LONG) as two:
            one.stop.set()
            await soon(lambda: two.leads)
            assert one.cancelled == 0


async def test_of_who_dies_the_other_takes_over_when_the_lease_ends(real_bucket):
    dead = Lease(real_bucket, "test", "dead", TTL)
    task = asyncio.ensure_future(dead.lead(asyncio.Event().wait, asyncio.Event()))  # pyright: ignore[reportArgumentType]
    await soon(lambda: dead.leads)
    renewed = asyncio.get_running_loop().time()
    task.cancel()  # as it is when the process is killed: nothing is given back
    await asyncio.gather(task, return_exceptions=True)
    async with holding(real_bucket) as heir:
        await asyncio.sleep(TTL / 2)
        if asyncio.get_running_loop().time() < renewed + TTL:  # else the machine was so busy that nothing is proven
            assert not heir.leads
        await soon(lambda: heir.leads)


async def test_a_lease_that_another_has_cancels_the_work_and_is_stood_by_for(real_bucket):
    async with holding(real_bucket) as one:
        await soon(lambda: one.leads)
        entry = await real_bucket.get(KEY)
        assert entry is not None
        stolen = await real_bucket.update(KEY, b"another", entry.revision)
        await soon(lambda: one.cancelled)
        assert not one.leads
        await real_bucket.delete(KEY, stolen)
        await soon(lambda: one.leads)
        assert one.worked == 2


async def test_the_lease_is_renewed_while_the_work_drains(real_bucket):
    async with holding(real_bucket, "one", drain=1.5 * TTL) as one:
        await soon(lambda: one.leads)
        async with holding(real_bucket, "two") as two:
            one.stop.set()
            await asyncio.sleep(1.25 * TTL)
            assert (one.leads, two.leads) == (True, False)
            await soon(lambda: two.leads)
            assert one.cancelled == 0


async def test_what_the_work_raises_is_raised_and_the_lease_is_given_back(real_bucket):
    async def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await asyncio.wait_for(Lease(real_bucket, "test", "one", TTL).lead(fails, asyncio.Event()), 60)
    assert await real_bucket.get(KEY) is None


async def test_a_leader_that_hears_nothing_stops_its_work_before_another_may_begin(own_nats):
    async with connected(own_nats.url, "test", fatal=False) as bus:
        await provision_bucket(bus, CLAIM.name)
        async with holding(Bucket(bus, CLAIM.name)) as one:
            await soon(lambda: one.leads)
            own_nats.pause()
            try:
                await soon(lambda: one.cancelled, within=60)
                assert not one.leads
            finally:
                own_nats.resume()
            await soon(lambda: one.leads)


async def test_a_renewal_whose_answer_was_lost_does_not_lose_the_lease(wired):
    wire, bucket, other = wired

    async def renewed(before: int) -> int | None:
        entry = await other.get(KEY)
        return entry.revision if entry is not None and entry.revision != before else None

    async with holding(bucket, ttl=SLOW) as one:
        await soon(lambda: one.leads)
        first = await soon_asked(lambda: renewed(0))
        wire.swallows = True
        unheard = await soon_asked(lambda: renewed(first))
        wire.cut()
        await soon_asked(lambda: renewed(unheard))
        assert (one.leads, one.worked, one.cancelled) == (True, 1, 0)


async def test_a_lease_that_was_taken_without_hearing_of_it_is_found_to_be_ours(wired):
    wire, bucket, other = wired
    wire.swallows = True
    async with holding(bucket, ttl=SLOW) as one:
        await soon_asked(lambda: other.get(KEY))
        wire.cut()
        await soon(lambda: one.leads)
        assert one.cancelled == 0
