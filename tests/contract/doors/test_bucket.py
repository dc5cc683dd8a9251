"""The laws of a bucket, kept by the one in memory and by the real one alike."""

import asyncio
from contextlib import aclosing

import pytest

from shale.kube.bucket import Bucket, Entry
from shale.testkit.asking import SOON, take


def said(entry: Entry | None) -> tuple[str, bytes, int, bool] | None:
    return None if entry is None else (entry.key, entry.value, entry.revision, entry.deleted)


async def revision(bucket: Bucket, key: str, value: bytes = b"x") -> int:
    written = await bucket.create(key, value)
    assert written is not None
    return written


async def test_what_was_never_written_is_not_there(bucket):
    assert await bucket.get("model.a.one") is None


async def test_what_is_created_is_read_back_with_its_revision(bucket):
    written = await revision(bucket, "model.a.one", b"1")
    assert said(await bucket.get("model.a.one")) == ("model.a.one", b"1", written, False)


async def test_a_key_that_is_there_is_not_created_again(bucket):
    await revision(bucket, "model.a.one", b"1")
    assert await bucket.create("model.a.one", b"2") is None
    entry = await bucket.get("model.a.one")
    assert entry is not None
    assert entry.value == b"1"


async def test_of_many_who_create_one_key_one_does(bucket):
    written = await asyncio.gather(*(bucket.create("model.a.one", b"%d" % number) for number in range(8)))
    assert sum(revision is not None for revision in written) == 1


async def test_revisions_rise_over_the_whole_bucket(bucket):
    first = await revision(bucket, "model.a.one")
    other = await revision(bucket, "modelversion.b.two")
    again = await bucket.update("model.a.one", b"y", first)
    assert again is not None
    assert first < other < again


async def test_an_update_replaces_exactly_the_revision_it_names(bucket):
    first = await revision(bucket, "model.a.one", b"1")
    second = await bucket.update("model.a.one", b"2", first)
    assert second is not None
    assert await bucket.update("model.a.one", b"3", first) is None
    assert said(await bucket.get("model.a.one")) == ("model.a.one", b"2", second, False)


async def test_a_revision_of_another_key_updates_nothing(bucket):
    await revision(bucket, "model.a.one", b"1")
    other = await revision(bucket, "model.a.two", b"1")
    assert await bucket.update("model.a.one", b"2", other) is None


async def test_what_is_not_there_is_not_updated(bucket):
    assert await bucket.update("model.a.one", b"2", 1) is None


async def test_of_many_who_update_one_revision_one_does(bucket):
    first = await revision(bucket, "model.a.one", b"1")
    written = await asyncio.gather(*(bucket.update("model.a.one", b"%d" % number, first) for number in range(8)))
    assert sum(revision is not None for revision in written) == 1


async def test_a_delete_takes_exactly_the_revision_it_names(bucket):
    first = await revision(bucket, "model.a.one", b"1")
    second = await bucket.update("model.a.one", b"2", first)
    assert await bucket.delete("model.a.one", first) is False
    assert await bucket.delete("model.a.one", second) is True
    assert await bucket.delete("model.a.one", second) is False
    assert await bucket.get("model.a.one") is None


async def test_a_deleted_key_is_created_anew_and_not_updated(bucket):
    first = await revision(bucket, "model.a.one", b"1")
    await bucket.delete("model.a.one", first)
    assert await bucket.update("model.a.one", b"2", first) is None
    again = await bucket.create("model.a.one", b"3")
    assert again is not None
    assert again > first


async def test_a_list_holds_what_is_under_the_prefix_and_a_dot(bucket):
    one = await revision(bucket, "model.a.one", b"1")
    await revision(bucket, "modelversion.a.two", b"2")
    gone = await revision(bucket, "model.a.gone", b"3")
    await bucket.delete("model.a.gone", gone)
    entries, last = await bucket.list("model")
    assert [said(entry) for entry in entries] == [("model.a.one", b"1", one, False)]
    assert last >= gone


async def test_a_list_of_one_namespace_is_not_that_of_its_longer_namesake(bucket):
    await revision(bucket, "model.a.one", b"1")
    await revision(bucket, "model.ab.two", b"2")
    entries, _ = await bucket.list("model.a")
    assert [entry.key for entry in entries] == ["model.a.one"]


async def test_an_empty_list_is_empty(bucket):
    entries, _ = await bucket.list("model")
    assert entries == []


async def test_a_watch_begins_after_the_revision_of_the_list(bucket):
    await revision(bucket, "model.a.before", b"1")
    _, last = await bucket.list("model")
    after = await revision(bucket, "model.a.after", b"2")
    async with aclosing(bucket.watch("model", last)) as watch:
        (entry,) = await take(watch, 1)
    assert said(entry) == ("model.a.after", b"2", after, False)


async def test_a_watch_from_zero_tells_everything_that_is_there_in_order(bucket):
    for name in ("three", "one", "two"):
        await revision(bucket, f"model.a.{name}")
    async with aclosing(bucket.watch("model", 0)) as watch:
        assert [entry.key for entry in await take(watch, 3)] == ["model.a.three", "model.a.one", "model.a.two"]


async def test_a_watch_that_is_read_tells_each_change_once(bucket):
    async with aclosing(bucket.watch("model", 0)) as watch:
        first = await revision(bucket, "model.a.one", b"1")
        told = await take(watch, 1)
        second = await bucket.update("model.a.one", b"2", first)
        told += await take(watch, 1)
        await bucket.delete("model.a.one", second)
        told += await take(watch, 1)
    assert [(entry.value, entry.deleted) for entry in told] == [(b"1", False), (b"2", False), (b"", True)]
    assert [entry.revision for entry in told] == sorted({entry.revision for entry in told})


async def test_a_watch_wakes_for_what_is_written_while_it_waits(bucket):
    async with aclosing(bucket.watch("model", 0)) as watch:
        waiting = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0.05)
        await revision(bucket, "modelversion.a.other")
        await revision(bucket, "model.a.one")
        entry = await asyncio.wait_for(waiting, SOON)
    assert entry.key == "model.a.one"


async def test_a_watch_ends_when_it_is_cancelled(bucket):
    async def follow() -> None:
        async with aclosing(bucket.watch("model", 0)) as watch:
            async for _ in watch:
                pass

    following = asyncio.ensure_future(follow())
    await asyncio.sleep(0.05)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(following, SOON)


async def expired(bucket: Bucket, key: str) -> None:
    for _ in range(100):
        if await bucket.get(key) is None:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{key} is still there after five seconds")


async def test_what_is_written_with_a_time_to_live_expires_and_can_be_created_at_once(bucket):
    assert await bucket.create("model.a.lease", b"1", ttl=1)
    await expired(bucket, "model.a.lease")
    assert (await bucket.list("model"))[0] == []
    assert await bucket.create("model.a.lease", b"2", ttl=1)


async def test_an_update_with_a_time_to_live_leaves_no_older_value_behind(bucket):
    first = await revision(bucket, "model.a.one", b"1")
    second = await bucket.update("model.a.one", b"2", first, ttl=1)
    assert second is not None
    await expired(bucket, "model.a.one")
    assert await bucket.update("model.a.one", b"3", second) is None
    async with aclosing(bucket.watch("model", 0)) as watch:
        await revision(bucket, "model.a.two")
        assert [entry.key for entry in await take(watch, 1)] == ["model.a.two"]


async def test_an_update_without_a_time_to_live_lives_on(bucket):
    first = await bucket.create("model.a.one", b"1", ttl=1)
    assert first is not None
    second = await bucket.update("model.a.one", b"2", first)
    await asyncio.sleep(1.3)
    assert said(await bucket.get("model.a.one")) == ("model.a.one", b"2", second, False)


async def test_a_megabyte_less_a_little_passes(bucket):
    value = bytes(900 * 1024)
    await revision(bucket, "model.a.big", value)
    entry = await bucket.get("model.a.big")
    assert entry is not None
    assert entry.value == value
