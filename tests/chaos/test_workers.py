"""Workers that are killed, that die of their input, and what lies in the registry that vanishes under them."""

import asyncio
import sys
from pathlib import Path

import pytest

from shale.contracts.facts import ImageBuilt, LayerLost, LayerPacked, LayerRefused, LayersPlanned, Progressed
from shale.contracts.jobs import PackLayer
from shale.testkit.house import House
from shale.testkit.processes import Process
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
    weights("killed", huge=600 * MIB)
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
    attempts = {one.message.attempt for one in visitor.all_heard(Progressed, uid, "builder-sync.1")}
    assert attempts == {1, 2}
    assert other.is_running


async def test_an_attempt_raised_while_a_layer_is_packed_ends_the_old_generation_and_builds_the_new_one_once(
    house: House, visitor: Visitor, weights
) -> None:
    weights("raised", huge=600 * MIB)
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
    assert isinstance(packed.message, LayerPacked)
    assert visitor.all_heard(ImageBuilt, uid) == [], "paused too late to prove anything"
    algorithm, _, hexadecimal = packed.message.layer.digest.partition(":")
    (house.registry / "models/lost/blobs" / algorithm / hexadecimal).unlink()
    builder.resume()
    await visitor.reaches("lost")
    part = packed.message.part.partition("~")[0]
    assert list(await visitor.times(LayerLost, uid)) == [f"1.{part}~1"]
    tries = sorted(one for one in await visitor.times(LayerPacked, uid) if part in one)
    assert tries == [f"1.{part}~1", f"1.{part}~2"]
    assert (house.registry / "models/lost/blobs" / algorithm / hexadecimal).exists()


async def _revived(worker: Process, deaths: list[int | None]) -> None:
    """Start a worker again whenever it dies, as a supervisor does."""
    while True:
        if not worker.is_running:
            deaths.append(worker.ended)
            worker.start()
        await asyncio.sleep(0.05)


async def test_an_input_that_kills_its_worker_is_refused_after_three_attempts_and_blocks_no_other_version(
    house: House, visitor: Visitor, weights
) -> None:
    house.the("builder-sync").stop()
    worker = house.start("builder-sync", command=(sys.executable, str(Path(__file__).with_name("poisoned.py"))))
    deaths: list[int | None] = []
    supervisor = asyncio.create_task(_revived(worker, deaths))
    try:
        weights("poison", small={}, poison=20 * MIB)
        weights("innocent", big=20 * MIB)
        uid = (await visitor.apply("poison")).metadata.uid
        await visitor.hears(Progressed, uid, "builder-sync.1", state="Working", attempt=1)
        await visitor.apply("innocent")
        await visitor.reaches("innocent", within=2 * house.ack_wait)
        assert visitor.all_heard(LayerRefused, uid) == [], "the innocent waited for the poison's end"
        failed = await visitor.reaches("poison", "Failed", within=5 * house.ack_wait + 5)
    finally:
        supervisor.cancel()
        await asyncio.gather(supervisor, return_exceptions=True)
        worker.stop()
    assert deaths == [9, 9, 9]
    (refused,) = [one.message for one in visitor.all_heard(LayerRefused, uid)]
    assert isinstance(refused, LayerRefused)
    assert refused.reason == "WorkerLost"
    stalled = next(condition for condition in failed.status.conditions if condition.type == "Stalled")
    assert (stalled.status, stalled.reason) == ("True", "WorkerLost")
    assert "shale retry" in stalled.message, "the message does not name the cure"


async def test_a_version_whose_layer_is_in_the_same_hands_as_the_poison_at_every_death_is_built_all_the_same(
    house: House, visitor: Visitor, weights
) -> None:
    house.the("builder-sync").stop()
    worker = house.start("builder-sync", command=(sys.executable, str(Path(__file__).with_name("poisoned.py"))))
    deaths: list[int | None] = []
    supervisor = asyncio.create_task(_revived(worker, deaths))
    try:
        weights("neighbour", a=600 * MIB)
        weights("venom", small={}, poison=20 * MIB)
        worker.pause()  # so that both are taken together
        first, second = await visitor.apply("neighbour"), await visitor.apply("venom")
        worker.resume()
        await visitor.reaches("venom", "Failed", within=5 * house.ack_wait + 10)
        await visitor.reaches("neighbour", "Ready", within=5 * house.ack_wait + 10)
        print([(o.message.attempt,o.message.state) for o in visitor.all_heard(Progressed, first.metadata.uid, "builder-sync.1")])
    finally:
        supervisor.cancel()
        await asyncio.gather(supervisor, return_exceptions=True)
        worker.stop()
