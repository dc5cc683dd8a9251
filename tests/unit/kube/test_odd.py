"""What lies in the bucket and is no object: it hides nobody, is named, is not gone, and can be deleted."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from shale.contracts.resources import Kind
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Change, Changed, Conflict, Expired, Invalid, Missing, Removed
from shale.kube.watch import Interrupted, Synced, changes
from shale.testkit.asking import applied, take
from shale.testkit.bucket import MemoryBucket
from shale.testkit.samples import MODEL, VERSION, model, owned, version

NS = "team-a"
KEY = f"modelversion.{NS}.odd"
META: dict[str, Any] = {"name": "odd", "namespace": NS, "uid": "u-1", "generation": 1}
SPEC = version(NS)["spec"]


def record(spec: object = SPEC, status: object = None, **meta: object) -> bytes:
    return msgspec.json.encode({"metadata": {**META, **meta}, "spec": spec, "status": status or {}})


ODD = {
    "is no JSON": b"not an object",
    "is empty": b"",
    "is no record": b"[]",
    "is nested too deeply": b'{"metadata":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "has a spec of another kind": record({"description": "x"}),
    "has a status that cannot be": record(status={"observedGeneration": "x"}),
    "says to have another name": record(name="other"),
    "says to be of another namespace": record(namespace="team-b"),
    "has no uid": record(uid=""),
    "has a uid that is none": record(uid="a.b *"),
    "has a uid without an end": record(uid="u" * 500),
    "has no generation": record(generation=0),
    "has a generation that nobody counts to": record(generation=1 << 62),
}


@pytest.fixture
def bucket():
    return MemoryBucket()


@pytest.fixture
def store(bucket):
    return EmbeddedResources(bucket)


@pytest.fixture(params=ODD.values(), ids=list(ODD))
async def odd(request, bucket, store):
    """A version that can be read beside what cannot."""
    obj = await applied(store, version(NS))
    await bucket.create(KEY, request.param)
    return obj


async def test_it_hides_nobody_and_is_named_in_one_line(store, odd):
    listing = await store.list(VERSION)
    assert listing.items == (odd,)
    (one,) = listing.unreadable
    assert (one.metadata.namespace, one.metadata.name) == (NS, "odd")
    assert one.message.startswith(f"modelversion {NS}/odd cannot be read (")
    assert "shale delete" in one.message
    assert "\n" not in one.message
    assert len(one.message) < 700


@pytest.mark.usefixtures("odd")
async def test_who_asks_for_it_is_told_that_it_is_there(store):
    said = await store.get(VERSION, NS, "odd")
    assert isinstance(said, Missing)
    assert said.unreadable
    assert "cannot be read" in said.message


async def test_it_is_not_written_over_by_accident(store, bucket, odd):
    before = await bucket.get(KEY)
    said = await store.apply(version(NS, "odd"), "user")
    assert isinstance(said, Invalid)
    assert "cannot be read" in said.message
    assert isinstance(await store.create(msgspec.structs.replace(odd, metadata=_named(odd, "odd"))), Conflict)
    assert await bucket.get(KEY) == before


def _named(obj, name):
    return msgspec.structs.replace(obj.metadata, name=name)


@pytest.mark.usefixtures("odd")
async def test_it_can_be_deleted_and_its_name_used_again(store):
    assert await store.delete(VERSION, NS, "odd") == Removed("")
    assert (await store.list(VERSION)).unreadable == ()
    await applied(store, version(NS, "odd"))


@pytest.mark.usefixtures("odd")
async def test_who_means_a_certain_object_does_not_delete_it(store):
    assert isinstance(await store.delete(VERSION, NS, "odd", uid="u-1"), Conflict)


async def test_a_watch_goes_on_over_it(bucket, store):
    start = (await store.list(VERSION)).resource_version
    async with aclosing(store.watch(VERSION, start)) as watch:
        for number, value in enumerate(ODD.values()):
            await bucket.create(f"{KEY}-{number}", value)
        obj = await applied(store, version(NS))
        assert await take(watch, 1) == [Changed(obj)]


@pytest.mark.parametrize("key", ["modelversion.x", "modelversion.a.b.c", "modelversion.UPPER.b"])
async def test_a_key_that_is_no_name_hides_nobody(bucket, store, key):
    obj = await applied(store, version(NS))
    await bucket.create(key, record())
    listing = await store.list(VERSION)
    assert listing.items == (obj,)
    assert len(listing.unreadable) == 1


async def test_an_object_that_becomes_unreadable_is_not_told_as_gone(bucket, store):
    async def pause(seconds: float) -> None:
        del seconds

    class Restless(EmbeddedResources):
        async def watch(self, kind: Kind, resource_version: str) -> AsyncGenerator[Change]:
            entry = await bucket.get(f"{kind.word}.{NS}.mv-1")
            assert entry is not None
            await bucket.update(entry.key, b"damaged", entry.revision)
            yield Expired(resource_version)

    await applied(store, version(NS))
    async with aclosing(changes(Restless(bucket), VERSION, pause)) as stream:
        changed, synced, interrupted, again = await take(stream, 4)
    assert [type(one) for one in (changed, synced, interrupted, again)] == [Changed, Synced, Interrupted, Synced]
    assert isinstance(again, Synced)
    assert [one.metadata.name for one in again.unreadable] == ["mv-1"]


async def test_dependents_of_an_owner_that_cannot_be_read_are_not_collected(bucket, store):
    owner = await applied(store, model(NS))
    await applied(store, version(NS, ownerReferences=[msgspec.to_builtins(owned(owner))]))
    entry = await bucket.get(f"model.{NS}.resnet")
    assert entry is not None
    await bucket.update(entry.key, b"damaged", entry.revision)
    assert await store.collect() == 0
    assert len((await store.list(VERSION)).items) == 1
    assert len((await store.list(MODEL)).unreadable) == 1


async def test_dependents_of_an_owner_of_a_kind_that_is_not_known_here_are_not_collected(store):
    ref = {"apiVersion": "shale.dev/v1alpha1", "kind": "ModelSource", "name": "s", "uid": "u-9"}
    await applied(store, version(NS, ownerReferences=[ref]))
    assert await store.collect() == 0
