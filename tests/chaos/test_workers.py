"""Workers that are killed, wishes that are raised, and layers that vanish while a version is built."""

from pathlib import Path

import pytest

from shale.contracts.facts import ImageBuilt, LayerLost, LayerPacked, LayersPlanned, Progressed
from shale.contracts.jobs import PackLayer
from shale.testkit.house import House
from shale.testkit.visitor import Visitor

pytestmark = pytest.mark.real_nats

MIB = 1 << 20


def _uploads(house: House) -> list[Path]:
    return [path for path in (house.registry / ".uploads").glob("*") if path.stat().st_size]


async def _uploading(house: House, visitor: Visitor) -> None:
    async def look() -> bool:
        return bool(_uploads(house))

    await visitor.until("an upload on its way", look)


async def test_a_layer_whose_worker_is_killed_is_taken_over_after_ack_wait_and_packed_once(
    house: House, visitor: Visitor, weights
) -> None:
    weights("killed", huge=300 * MIB)
    worker = house.the("builder-sync")
    version = await visitor.apply("killed")
    uid = version.metadata.uid
    await _uploading(house, visitor)
    worker.kill()
    assert _uploads(house), "it was killed too late to prove anything"
    other = house.start("builder-sync")
    await visitor.reaches("killed", within=house.ack_wait + 10)
    assert set((await visitor.times(LayerPacked, uid)).values()) == {1}
    assert await visitor.times(ImageBuilt, uid) == {"1": 1}
    assert not list((house.registry / ".uploads").glob("*")), "the dead worker's upload was not swept"
    attempts = {one.attempt for one in visitor.all_heard(Progressed, uid, "builder-sync.1")}
    assert attempts == {1, 2}
    assert other.is_running


async def test_an_attempt_raised_while_a_layer_is_packed_ends_the_old_generation_and_builds_the_new_one_once(
    house: House, visitor: Visitor, weights
) -> None:
    weights("raised", huge=300 * MIB)
    uid = (await visitor.apply("raised")).metadata.uid
    await visitor.hears(Progressed, uid, "builder-sync.1", state="Working")
    raised = await visitor.apply("raised", attempt=1)
    assert raised.metadata.generation == 2
    ready = await visitor.reaches("raised", generation=2)
    assert ready.status.built_generation == 2
    assert await visitor.times(ImageBuilt, uid) == {"2": 1}
    assert await visitor.jobs(uid) == []

    async def first_forgotten() -> bool:
        return {said.fact.about.generation for said in await visitor.facts(uid)} <= {0, 2}

    await visitor.until("what was said of generation 1 purged", first_forgotten)
    assert not list((house.registry / ".uploads").glob("*"))


async def test_a_packed_layer_that_the_registry_loses_before_the_join_is_packed_again(
    house: House, visitor: Visitor, weights
) -> None:
    weights("lost", a=20 * MIB, b=20 * MIB)
    uid = (await visitor.apply("lost")).metadata.uid
    await visitor.hears(LayersPlanned, uid)
    await visitor.hears(PackLayer, uid, "2-")
    builder = house.the("image-builder")
    builder.pause()
    packed = await visitor.hears(LayerPacked, uid, "1-")
    assert visitor.all_heard(ImageBuilt, uid) == [], "paused too late to prove anything"
    algorithm, _, hexadecimal = packed.layer.digest.partition(":")
    (house.registry / "models/lost/blobs" / algorithm / hexadecimal).unlink()
    builder.resume()
    await visitor.reaches("lost")
    part = packed.part.partition("~")[0]
    assert list(await visitor.times(LayerLost, uid)) == [f"1.{part}~1"]
    tries = sorted(one for one in await visitor.times(LayerPacked, uid) if part in one)
    assert tries == [f"1.{part}~1", f"1.{part}~2"]
    assert (house.registry / "models/lost/blobs" / algorithm / hexadecimal).exists()
