"""What `changes` makes of a store that fails, expires and forgets."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from shale.contracts.errors import Transient
from shale.contracts.resources import Kind
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Change, Changed, Deleted, Expired, Listing, Obscured
from shale.kube.watch import CALM, LONGEST, Interrupted, Synced, changes
from shale.testkit.asking import applied, take
from shale.testkit.bucket import MemoryBucket
from shale.testkit.samples import MODEL, model
from shale.testkit.veiled import VeiledResources


class Troubled(EmbeddedResources):
    """A store whose next lists and watches go wrong as told: an error is raised, an Expired ends the watch."""

    def __init__(self) -> None:
        super().__init__(MemoryBucket())
        self.lists: list[Transient] = []
        self.watches: list[Transient | Expired] = []
        self.after: list[Transient] = []
        """What goes wrong after a change was told."""

    async def list(self, kind: Kind, namespace: str | None = None) -> Listing:
        if self.lists:
            raise self.lists.pop(0)
        return await super().list(kind, namespace)

    async def watch(self, kind: Kind, resource_version: str) -> AsyncGenerator[Change]:
        if self.watches:
            match self.watches.pop(0):
                case Transient() as error:
                    raise error
                case Expired() as expired:
                    yield expired
                    return
        async with aclosing(super().watch(kind, resource_version)) as calm:
            async for change in calm:
                yield change
                if self.after:
                    raise self.after.pop(0)


class Pauses(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def store() -> Troubled:
    return Troubled()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


def kinds(told: list[Any]) -> list[str]:
    return [type(one).__name__ for one in told]


async def test_an_expired_watch_is_a_new_list(store, pauses):
    await applied(store, model("a"))
    store.watches = [Expired("too old resource version: 596 (597)")]
    async with aclosing(changes(store, MODEL, pauses)) as stream:
        told = await take(stream, 5)
    assert kinds(told) == ["Changed", "Synced", "Interrupted", "Changed", "Synced"]
    assert pauses == [CALM]


async def test_a_store_that_is_away_is_asked_again_with_a_capped_back_off(store, pauses):
    store.lists = [Transient("connection refused") for _ in range(8)]
    async with aclosing(changes(store, MODEL, pauses)) as stream:
        told = await take(stream, 9)
    assert kinds(told) == ["Interrupted"] * 8 + ["Synced"]
    assert told[0] == Interrupted("connection refused", CALM)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, LONGEST, LONGEST, LONGEST]


async def test_a_watch_that_ends_at_once_is_no_reason_to_list_everything_in_a_loop(store, pauses):
    store.lists = [Transient("away"), Transient("away")]
    store.watches = [Transient("cut"), Expired("too old"), *(Transient("cut") for _ in range(4))]
    async with aclosing(changes(store, MODEL, pauses)) as stream:
        await take(stream, 15)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, LONGEST, LONGEST, LONGEST]


async def test_after_a_change_that_came_by_the_watch_the_back_off_begins_anew(store, pauses):
    store.lists, store.after = [Transient("away"), Transient("away")], [Transient("cut")]
    async with aclosing(changes(store, MODEL, pauses)) as stream:
        assert kinds(await take(stream, 3)) == ["Interrupted", "Interrupted", "Synced"]
        await applied(store, model("a"))
        assert kinds(await take(stream, 1)) == ["Changed"]
        assert kinds(await take(stream, 3)) == ["Interrupted", "Changed", "Synced"]
    assert pauses == [0.1, 0.2, 0.1]


async def test_what_vanished_between_two_lists_is_told(store, pauses):
    one, two = await applied(store, model("a", "one")), await applied(store, model("a", "two"))
    store.watches = [Transient("cut")]
    async with aclosing(changes(store, MODEL, pauses)) as stream:
        assert kinds(await take(stream, 4)) == ["Changed", "Changed", "Synced", "Interrupted"]
        await store.delete(MODEL, "a", "one")
        told = await take(stream, 3)
    assert told[:2] == [Deleted(one), Changed(two)]
    assert told[2] == Synced(MODEL, frozenset({two.metadata.uid}))


async def test_a_namesake_that_came_between_two_lists_is_told_after_the_end_of_the_first(store, pauses):
    old = await applied(store, model("a"))
    store.watches = [Transient("cut")]
    async with aclosing(changes(store, MODEL, pauses)) as stream:
        await take(stream, 3)
        await store.delete(MODEL, "a", "resnet")
        new = await applied(store, model("a"))
        told = await take(stream, 2)
    assert told == [Deleted(old), Changed(new)]


async def test_what_was_told_gone_is_not_told_gone_again(store, pauses):
    await applied(store, model("a"))
    async with aclosing(changes(store, MODEL, pauses)) as stream:
        await take(stream, 2)
        await store.delete(MODEL, "a", "resnet")
        assert kinds(await take(stream, 1)) == ["Deleted"]
        store.watches = []
        await applied(store, model("a", "other"))
        assert kinds(await take(stream, 1)) == ["Changed"]


async def test_what_cannot_be_read_any_more_is_told_gone_by_its_metadata(pauses):
    store = VeiledResources(MemoryBucket())
    one = await applied(store, model("a"))
    async with aclosing(changes(store, MODEL, pauses)) as stream:
        await take(stream, 2)
        store.veiled.add("resnet")
        await store.apply({**model("a"), "spec": {"description": "new"}}, "user")
        assert kinds(await take(stream, 1)) == ["Obscured"]
        await store.delete(MODEL, "a", "resnet")
        assert await take(stream, 1) == [Deleted(one)]


async def test_what_could_never_be_read_is_told_gone_as_what_it_is(pauses):
    store = VeiledResources(MemoryBucket(), "resnet")
    one = await applied(store, model("a"))
    async with aclosing(changes(store, MODEL, pauses)) as stream:
        (synced,) = await take(stream, 1)
        assert isinstance(synced, Synced)
        assert [odd.metadata for odd in synced.unreadable] == [one.metadata]
        await store.delete(MODEL, "a", "resnet")
        (told,) = await take(stream, 1)
    assert isinstance(told, Obscured)
    assert told.deleted
    assert told.object.metadata.uid == one.metadata.uid


class TroubledVeiled(Troubled, VeiledResources):
    """Both."""


async def test_a_namesake_that_came_between_two_lists_and_cannot_be_read_is_another(pauses):
    store = TroubledVeiled()
    old = await applied(store, model("a"))
    store.watches = [Transient("cut"), Transient("cut")]
    async with aclosing(changes(store, MODEL, pauses)) as stream:
        await take(stream, 3)
        store.veiled.add("resnet")
        assert kinds(await take(stream, 2)) == ["Synced", "Interrupted"]
        await store.delete(MODEL, "a", "resnet")
        await applied(store, model("a"))
        assert await take(stream, 1) == [Deleted(old)]
