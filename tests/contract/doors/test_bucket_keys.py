"""The keys of a bucket, in memory and real alike: what was deleted is known for as long as was said."""

import asyncio

import pytest


async def test_the_keys_are_those_under_a_prefix_and_of_what_was_deleted_too(bucket):
    for key in ("going.a.one", "going.a.two", "going.b.one", "going.a"):
        assert await bucket.create(key, b"x")
    gone = await bucket.create("going.a.gone", b"x")
    assert await bucket.delete("going.a.gone", gone)
    assert await bucket.keys("going.a") == {"going.a.one", "going.a.two", "going.a.gone"}
    assert await bucket.get("going.a.gone") is None


async def test_what_is_deleted_for_a_time_is_known_no_longer_than_that_and_not_written_over_by_who_read_it(bucket):
    written = await bucket.create("going.a.one", b"x")
    assert await bucket.delete("going.a.one", written, ttl=1)
    assert await bucket.get("going.a.one") is None
    for _ in range(1200):
        if not await bucket.keys("going.a"):
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("the key is still known after a minute")
    assert await bucket.update("going.a.one", b"y", written) is None
    again = await bucket.create("going.a.one", b"z")
    assert again
    assert await bucket.delete("going.a.one", again, ttl=60)
    assert await bucket.create("going.a.one", b"z")
