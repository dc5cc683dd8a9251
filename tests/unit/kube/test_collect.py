"""Deletion with the power cut at every write: it ends where the calm one ends."""

from typing import Any

import msgspec
import pytest

from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Cascade
from shale.testkit.asking import applied, there
from shale.testkit.bucket import MemoryBucket
from shale.testkit.samples import HOLD, MODEL, VERSION, model, owned, version

NS = "team-a"
CASCADES: list[Cascade] = ["background", "foreground", "orphan"]
MOST_WRITES = 12


class PowerCutError(Exception):
    """The process ends here."""


class CutBucket(MemoryBucket):
    """A bucket whose owner dies before the write that brings `left` to zero."""

    left: int | None = None

    async def update(self, key: str, value: bytes, revision: int, ttl: float | None = None) -> int | None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise PowerCutError
        return await super().update(key, value, revision, ttl)


async def world() -> tuple[CutBucket, EmbeddedResources]:
    """An owner with two dependents, one of which is held, and one of which has a second owner."""
    bucket = CutBucket()
    store = EmbeddedResources(bucket)
    owner = await applied(store, model(NS))
    second = await applied(store, model(NS, "second"))
    refs = [msgspec.to_builtins(owned(owner, block=True))]
    await applied(store, version(NS, "plain", ownerReferences=refs))
    await applied(store, version(NS, "held", ownerReferences=refs, finalizers=[HOLD]))
    await applied(store, version(NS, "shared", ownerReferences=[*refs, msgspec.to_builtins(owned(second))]))
    return bucket, store


async def end(store: EmbeddedResources) -> dict[str, Any]:
    """What is left, without what differs from run to run."""
    objects = [*(await store.list(MODEL)).items, *(await store.list(VERSION)).items]
    return {
        obj.metadata.name: (
            bool(obj.metadata.deletion_timestamp),
            obj.metadata.finalizers,
            [ref.name for ref in obj.metadata.owner_references],
        )
        for obj in objects
    }


@pytest.mark.parametrize("again", ["delete", "collect"])
@pytest.mark.parametrize("cascade", CASCADES)
async def test_a_deletion_that_is_cut_anywhere_ends_like_the_calm_one(cascade, again):
    _, calm = await world()
    await calm.delete(MODEL, NS, "resnet", cascade=cascade)
    expected = await end(calm)
    cuts = 0
    for writes in range(1, MOST_WRITES):
        bucket, store = await world()
        bucket.left = writes
        try:
            await store.delete(MODEL, NS, "resnet", cascade=cascade)
        except PowerCutError:
            cuts += 1
        bucket.left = None
        if again == "delete":
            await store.delete(MODEL, NS, "resnet", cascade=cascade)
        else:
            await store.collect()
        assert await end(store) == expected, f"cut after {writes} writes"
    assert cuts >= 2


async def test_the_calm_ends_are_what_they_should_be():
    ends: dict[str, Any] = {}
    for cascade in CASCADES:
        _, store = await world()
        await store.delete(MODEL, NS, "resnet", cascade=cascade)
        ends[cascade] = await end(store)
    kept = {"second": (False, (), []), "shared": (False, (), ["second"])}
    assert ends["background"] == {**kept, "held": (True, (HOLD,), ["resnet"])}
    waiting = (True, ("foregroundDeletion",), [])
    assert ends["foreground"] == {**kept, "held": (True, (HOLD,), ["resnet"]), "resnet": waiting}
    free = {"held": (False, (HOLD,), []), "plain": (False, (), [])}
    assert ends["orphan"] == {**kept, **free}


async def test_a_sweep_spares_who_was_let_go_while_it_looked():
    bucket, store = await world()
    bucket.left = 4
    with pytest.raises(PowerCutError):
        await store.delete(MODEL, NS, "resnet", cascade="orphan")
    bucket.left = None
    await store.collect()
    left = await end(store)
    assert {"plain", "held", "shared"} <= left.keys()
    assert not any(deleting for deleting, _, _ in left.values())


async def test_a_sweep_of_a_tidy_store_writes_nothing():
    _, store = await world()
    before = (await store.list(VERSION)).resource_version
    assert await store.collect() == 0
    assert (await store.list(VERSION)).resource_version == before


async def test_a_sweep_leaves_what_has_an_owner_that_is_not_ours():
    store = EmbeddedResources(MemoryBucket())
    foreign = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "name": "train", "uid": "1"}
    await applied(store, version(NS, ownerReferences=[foreign]))
    assert await store.collect() == 0


async def test_owners_in_a_ring_go_together():
    store = EmbeddedResources(MemoryBucket())
    one = await applied(store, model(NS, "one"))
    two = await applied(store, model(NS, "two", ownerReferences=[msgspec.to_builtins(owned(one))]))
    await there(store.edit_metadata(one, owner_references=(owned(two),)))
    await store.delete(MODEL, NS, "one")
    assert await end(store) == {}


async def test_a_finalizer_that_comes_between_reading_and_removing_holds():
    bucket = MemoryBucket()
    store = EmbeddedResources(bucket)
    made = await applied(store, model(NS))
    update = bucket.update

    async def meddle(key: str, value: bytes, revision: int, ttl: float | None = None) -> int | None:
        bucket.update = update
        await there(store.edit_metadata(made, finalizers=(HOLD,)))
        return await update(key, value, revision, ttl)

    bucket.update = meddle
    held = await there(store.delete(MODEL, NS, "resnet"))
    assert held.metadata.finalizers == (HOLD,)
    assert held.metadata.deletion_timestamp
