"""Deleting at every step of the road: the object goes, and nothing of it stays but the word that it is gone."""

import asyncio

import msgspec
import pytest

from shale.contracts import streams
from shale.contracts.facts import (
    Declared,
    Gone,
    Held,
    ImageBuilt,
    LayerPacked,
    LayersPlanned,
    Progressed,
    Released,
    Scanned,
    StorageReady,
    Wanted,
)
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.runtime.bus.buckets import Bucket
from shale.testkit.house import House
from shale.testkit.visitor import Visitor

pytestmark = pytest.mark.real_nats

ROAD = (Declared, Held, Wanted, StorageReady, ScanArtifact, Scanned, LayersPlanned, PackLayer, LayerPacked, ImageBuilt)
MIB = 1 << 20


async def _tags(visitor: Visitor, uid: str) -> list[str]:
    entries, _ = await Bucket(visitor.bus, streams.CLAIM.name).list("tag")
    return [entry.key for entry in entries if msgspec.json.decode(entry.value)["uid"] == uid]


async def _traces(visitor: Visitor, uid: str) -> list[str]:
    """Return what the house still knows of a uid beside that it is gone."""
    facts = [type(said.fact).__name__ for said in await visitor.facts(uid) if not said.is_gone]
    now = sorted(await visitor.left(streams.NOW, f"shale.now.*.*.*.{uid}.>"))
    return [*facts, *now, *await visitor.jobs(uid), *await _tags(visitor, uid)]


async def _leaves_no_trace(visitor: Visitor, uid: str) -> None:
    last: list[str] = []

    async def look() -> bool:
        last[:] = await _traces(visitor, uid)
        return not last

    try:
        await visitor.until(f"nothing left of {uid}", look)
    except AssertionError as error:
        raise AssertionError(f"left: {last}\n{error}") from None
    assert [type(said.fact) for said in await visitor.facts(uid)] == [Gone]


async def _takes_uploads_back(house: House, visitor: Visitor) -> None:
    async def look() -> bool:
        return not list((house.registry / ".uploads").glob("*"))

    await visitor.until("no upload left", look)


@pytest.mark.parametrize("step", ROAD, ids=lambda step: step.__name__)
async def test_a_version_deleted_as_soon_as_this_is_said_goes_and_leaves_no_trace(
    house: House, visitor: Visitor, weights, step
) -> None:
    name = f"at-{step.__name__.lower()}"
    weights(name, big=24 * MIB, other=17 * MIB)
    version = await visitor.apply(name)
    await visitor.hears(step, version.metadata.uid)
    await visitor.delete(name)
    await visitor.vanishes(name)
    await _leaves_no_trace(visitor, version.metadata.uid)
    await _takes_uploads_back(house, visitor)


async def test_after_all_these_deletions_nothing_came_back_and_the_next_version_is_built(
    visitor: Visitor, weights
) -> None:
    weights("after")
    version = await visitor.apply("after")
    await visitor.reaches("after")
    facts = await visitor.left(streams.FACTS, "shale.fact.modelversion.>")
    now = await visitor.left(streams.NOW, "shale.now.modelversion.>")
    strangers = [subject for subject in (*facts, *now) if version.metadata.uid not in subject]
    assert strangers == []


async def test_of_ten_versions_made_and_deleted_under_one_name_only_the_last_one_is_there_and_ready(
    visitor: Visitor, weights
) -> None:
    weights("again", big=17 * MIB)
    uids: list[str] = []
    for round_ in range(10):
        if round_:
            await visitor.delete("again")
            await visitor.vanishes("again")
        uids.append((await visitor.apply("again", imageTag="one")).metadata.uid)
        await asyncio.sleep(0.03 * (round_ % 4))  # each is deleted at another step
    last = await visitor.reaches("again")
    assert last.metadata.uid == uids[-1]
    assert await visitor.times(ImageBuilt, uids[-1]) == {"1": 1}
    for uid in uids[:-1]:
        await _leaves_no_trace(visitor, uid)


async def test_deleting_the_model_deletes_its_versions_and_leaves_no_trace(visitor: Visitor, weights) -> None:
    weights("child-a")
    weights("child-b")
    uids = [(await visitor.apply(name, modelName="parent")).metadata.uid for name in ("child-a", "child-b")]
    for name in ("child-a", "child-b"):
        await visitor.reaches(name)

    async def adopted() -> bool:
        return all(
            [(found := await visitor.get(name)) and found.metadata.owner_references for name in ("child-a", "child-b")]
        )

    await visitor.until("both given to their model", adopted)
    await visitor.delete("parent", "model")
    for name in ("child-a", "child-b"):
        await visitor.vanishes(name)
    await visitor.vanishes("parent", "model")
    for uid in uids:
        await _leaves_no_trace(visitor, uid)


async def test_a_version_stays_deleting_and_names_the_service_that_is_away_until_that_one_is_back(
    house: House, visitor: Visitor, weights
) -> None:
    weights("held")
    version = await visitor.apply("held")
    await visitor.reaches("held")
    builder = house.the("image-builder")
    assert builder.stop() == 0
    await visitor.delete("held")

    async def named() -> bool:
        found = await visitor.get("held")
        return (
            found is not None
            and found.status.phase == "Deleting"
            and any("image-builder" in condition.message for condition in found.status.conditions)
        )

    await visitor.until("Deleting, waits for image-builder", named)
    assert [fact for fact in await visitor.facts(version.metadata.uid) if isinstance(fact.fact, Released)] == []
    builder.start()
    await visitor.vanishes("held")
    await _leaves_no_trace(visitor, version.metadata.uid)


async def test_a_layer_in_hand_when_its_version_is_deleted_is_stopped_and_takes_its_upload_back(
    house: House, visitor: Visitor, weights
) -> None:
    weights("stopped", huge=600 * MIB)
    version = await visitor.apply("stopped")
    await visitor.hears(Progressed, version.metadata.uid, "builder-sync.1", state="Working")
    await visitor.delete("stopped")
    await visitor.vanishes("stopped")
    await _leaves_no_trace(visitor, version.metadata.uid)
    assert visitor.all_heard(LayerPacked, version.metadata.uid, "1-") == []
    await _takes_uploads_back(house, visitor)
