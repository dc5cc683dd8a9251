"""A bucket on a server that stops, dies and comes back: a list is whole or none, a watch loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import pytest

from shale.contracts.errors import Transient
from shale.runtime.bus import connection
from shale.runtime.bus.buckets import Bucket, Entry
from shale.runtime.bus.connection import connected
from shale.testkit.fixtures import provision_bucket
from shale.testkit.nats import NatsServer
from shale.testkit.soon import soon, soon_asked
from shale.testkit.wire import Wire

pytestmark = pytest.mark.real_nats

NAME = "kept"
MANY = 600
VALUE = bytes(2000)


@pytest.fixture
async def far(own_nats) -> AsyncGenerator[Bucket]:
    """A bucket on a server of its own."""
    async with connected(own_nats.url, "far", fatal=False) as bus:
        await provision_bucket(bus, NAME)
        yield Bucket(bus, NAME)


async def fill(bucket: Bucket, first: int, count: int) -> None:
    for start in range(first, first + count, 100):
        numbers = range(start, min(start + 100, first + count))
        await asyncio.gather(*(bucket.create(f"k.{number}", VALUE) for number in numbers))


async def insist(bucket: Bucket, key: str, value: bytes = b"x") -> None:
    """Create a key, however often the server has to be asked."""
    while True:
        try:
            await asyncio.wait_for(bucket.create(key, value), 1)
        except (Transient, TimeoutError):
            await asyncio.sleep(0.05)
        else:
            return


@asynccontextmanager
async def watching(bucket: Bucket, after: int = 0) -> AsyncGenerator[list[Entry]]:
    """Yield what a watch told so far; it goes on beside."""
    told: list[Entry] = []

    async def follow() -> None:
        async with aclosing(bucket.watch("k", after)) as watch:
            async for entry in watch:
                told.append(entry)  # noqa: PERF401 (others look at it meanwhile)

    following = asyncio.ensure_future(follow())
    try:
        yield told
        assert not following.done(), following
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def keys(first: int, count: int) -> list[str]:
    return [f"k.{number}" for number in range(first, first + count)]


async def outcome(bucket: Bucket) -> str:
    try:
        entries, _ = await bucket.list("k")
    except Transient:
        return "transient"
    return "whole" if len(entries) == MANY else f"{len(entries)} of {MANY}"


async def started(bucket: Bucket) -> list[asyncio.Future[str]]:
    """Start some lists, each a little later: something happens to the last ones at their beginning, and so on."""
    lists: list[asyncio.Future[str]] = []
    for delay in (0.064, 0.032, 0.016, 0.008, 0.004, 0.001):
        lists.append(asyncio.ensure_future(outcome(bucket)))
        await asyncio.sleep(delay)
    return lists


async def consumers_of(bucket: Bucket) -> int:
    return (await bucket.bus.api(f"STREAM.INFO.KV_{bucket.name}", {}))["state"]["consumer_count"]


# --- lists


async def test_a_list_of_many_is_whole_and_leaves_no_consumer_behind(real_bucket):
    await fill(real_bucket, 0, MANY)
    assert [await outcome(real_bucket) for _ in range(5)] == ["whole"] * 5
    assert await consumers_of(real_bucket) == 0


async def test_lists_while_the_server_stands_still_for_a_while_are_whole_or_none(own_nats: NatsServer, far: Bucket):
    await fill(far, 0, MANY)
    lists = await started(far)
    own_nats.pause()
    await asyncio.sleep(1.3)
    own_nats.resume()
    assert set(await asyncio.wait_for(asyncio.gather(*lists), 60)) <= {"whole", "transient"}
    assert await outcome(far) == "whole"


async def test_lists_whose_server_dies_are_whole_or_none(own_nats: NatsServer, monkeypatch):
    monkeypatch.setattr(connection, "TIMEOUT", 1.0)
    async with connected(own_nats.url, "far", fatal=False) as bus:
        await provision_bucket(bus, NAME)
        far = Bucket(bus, NAME)
        await fill(far, 0, MANY)
        lists = await started(far)
        own_nats.kill()
        assert set(await asyncio.wait_for(asyncio.gather(*lists), 60)) <= {"whole", "transient"}


async def test_a_list_while_others_write_holds_all_that_was_there_before(real_bucket):
    await fill(real_bucket, 0, 200)
    writing = asyncio.ensure_future(fill(real_bucket, 200, 400))
    while not writing.done():
        entries, _ = await real_bucket.list("k")
        assert {entry.key for entry in entries} >= set(keys(0, 200))
    await writing


async def test_a_list_and_the_watch_after_it_miss_nothing_that_is_written_meanwhile(real_bucket):
    writing = asyncio.ensure_future(fill(real_bucket, 0, 400))
    await asyncio.sleep(0.02)
    entries, last = await real_bucket.list("k")
    async with watching(real_bucket, last) as told:
        await writing
        await soon(lambda: {entry.key for entry in [*entries, *told]} == set(keys(0, 400)))


async def test_what_was_deleted_or_expired_while_the_server_was_down_is_in_no_list(own_nats: NatsServer, far: Bucket):
    await fill(far, 0, 3)
    entry = await far.get("k.1")
    assert entry is not None
    assert await far.delete("k.1", entry.revision)
    assert await far.create("k.lease", b"1", ttl=1)
    own_nats.kill()
    await asyncio.sleep(1.1)
    own_nats.start()
    await insist(far, "k.3")
    lease = await soon_asked(lambda: far.create("k.lease", b"2", ttl=60))
    assert sorted(one.key for one in (await far.list("k"))[0]) == ["k.0", "k.2", "k.3", "k.lease"]
    async with watching(far) as told:
        await soon(lambda: len(told) == 5)
        assert {one.key for one in told if one.deleted} == {"k.1"}
        assert [one.revision for one in told if one.key == "k.lease"] == [lease]


# --- watches


async def test_a_watch_tells_each_change_once_over_the_death_of_its_server(own_nats: NatsServer, far: Bucket):
    async with watching(far) as told:
        await fill(far, 0, 50)
        await soon(lambda: len(told) == 50)
        own_nats.kill()
        writing = asyncio.gather(*(insist(far, key) for key in keys(50, 20)))
        await asyncio.sleep(0.3)
        own_nats.start()
        await writing
        await soon(lambda: len(told) >= 70)
    assert sorted(entry.key for entry in told) == sorted(keys(0, 70))
    revisions = [entry.revision for entry in told]
    assert revisions == sorted(set(revisions))


async def test_a_watch_loses_nothing_over_connections_that_are_cut(own_nats: NatsServer, far: Bucket):
    async with Wire(own_nats.port) as wire, connected(wire.url, "near", fatal=False) as bus:
        async with watching(Bucket(bus, NAME)) as told:
            await fill(far, 0, 20)
            await soon(lambda: len(told) == 20)
            for number in range(20, 320):
                await far.create(f"k.{number}", VALUE)
                if number % 100 == 70:
                    wire.cut()
            await soon(lambda: len(told) >= 320)
        assert [entry.key for entry in told] == keys(0, 320)
        assert wire.connections >= 2


async def test_a_watch_tells_what_was_lost_on_its_way(own_nats: NatsServer, far: Bucket):
    async with Wire(own_nats.port) as wire, connected(wire.url, "near", fatal=False) as bus:
        async with watching(Bucket(bus, NAME)) as told:
            await fill(far, 0, 5)
            await soon(lambda: len(told) == 5)
            wire.swallows = True
            await fill(far, 5, 50)
            await asyncio.sleep(0.2)
            wire.cut()
            await fill(far, 55, 5)
            await soon(lambda: len(told) >= 60)
        assert sorted(entry.key for entry in told) == sorted(keys(0, 60))


async def test_a_watch_whose_consumer_was_deleted_makes_it_again(real_bucket):
    async with watching(real_bucket) as told:
        await fill(real_bucket, 0, 5)
        await soon(lambda: len(told) == 5)
        stream = f"KV_{real_bucket.name}"
        for name in (await real_bucket.bus.api(f"CONSUMER.NAMES.{stream}", {}))["consumers"]:
            await real_bucket.bus.api(f"CONSUMER.DELETE.{stream}.{name}", {})
        await fill(real_bucket, 5, 5)
        await soon(lambda: len(told) >= 10)
    assert sorted(entry.key for entry in told) == sorted(keys(0, 10))


async def test_a_watch_that_ends_leaves_no_consumer_behind(real_bucket):
    async with watching(real_bucket) as told:
        await fill(real_bucket, 0, 1)
        await soon(lambda: told)
    assert await consumers_of(real_bucket) == 0


async def test_a_watch_of_a_bucket_that_was_made_anew_says_so_however_much_is_in_the_new_one(far):
    await fill(far, 0, 3)

    async def follow() -> None:
        async with aclosing(far.watch("k", 0)) as watch:
            async for entry in watch:
                told.append(entry)  # noqa: PERF401 (others look at it meanwhile)

    told: list[Entry] = []
    following = asyncio.ensure_future(follow())
    await soon(lambda: len(told) == 3)
    await far.bus.api(f"STREAM.DELETE.KV_{NAME}", {})
    await provision_bucket(far.bus, NAME)
    await fill(far, 0, 20)
    with pytest.raises(Transient, match="made anew"):
        await asyncio.wait_for(following, 60)


async def test_a_watch_from_a_revision_that_the_bucket_never_had_says_so(far):
    await fill(far, 0, 3)
    async with aclosing(far.watch("k", 4)) as watch:
        with pytest.raises(Transient, match="made anew"):
            await asyncio.wait_for(anext(watch), 60)


async def test_a_list_misses_nothing_that_is_there_all_the_time_while_it_is_being_written_to(far):
    await fill(far, 0, MANY)
    writing = True

    async def write() -> None:
        while writing:
            for number in range(0, MANY, 7):
                entry = await far.get(f"k.{number}")
                assert entry is not None
                await far.update(f"k.{number}", VALUE, entry.revision)

    writer = asyncio.ensure_future(write())
    try:
        for _ in range(10):
            entries, revision = await far.list("k")
            assert sorted({entry.key for entry in entries}) == sorted(keys(0, MANY))
            assert revision >= MANY
    finally:
        writing = False
        await writer
