"""Input that kills its worker, or makes it raise what nobody foresaw: given up after three attempts, and only that."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from shale.contracts import streams
from shale.contracts.facts import LayerRefused, Progressed
from shale.contracts.jobs import PackLayer
from shale.contracts.resources import ModelVersion
from shale.contracts.resources.meta import Condition
from shale.testkit.house import House
from shale.testkit.processes import Process
from shale.testkit.visitor import Visitor

pytestmark = pytest.mark.real_nats

POISONED = str(Path(__file__).with_name("poisoned.py"))
MIB = 1 << 20


async def _revive(worker: Process, deaths: list[int | None]) -> None:
    """Start a worker again whenever it dies, as a supervisor does."""
    while True:
        if not worker.is_running:
            deaths.append(worker.ended)
            worker.start()
        await asyncio.sleep(0.05)


@pytest.fixture
async def deaths(house: House, visitor: Visitor) -> AsyncGenerator[list[int | None]]:
    """Exchange the worker for one that can be poisoned, under a supervisor; how it died, each time."""
    del visitor  # it brings the house in order first
    house.the("builder-sync").stop()
    died: list[int | None] = []
    worker = house.start("builder-sync", command=(sys.executable, POISONED))
    supervisor = asyncio.create_task(_revive(worker, died))
    yield died
    supervisor.cancel()
    await asyncio.gather(supervisor, return_exceptions=True)
    worker.stop()


def _stalled(version: ModelVersion) -> Condition:
    return next(one for one in version.status.conditions if one.type == "Stalled" and one.status == "True")


async def test_an_input_that_kills_its_worker_is_refused_after_three_attempts_and_blocks_no_other_version(
    visitor: Visitor, weights, deaths
) -> None:
    weights("poison", poison=20 * MIB)
    weights("innocent", big=20 * MIB)
    uid = (await visitor.apply("poison")).metadata.uid
    await visitor.hears(Progressed, uid, "builder-sync.1", state="Working", attempt=1)
    await visitor.apply("innocent")
    await visitor.reaches("innocent")
    failed = await visitor.reaches("poison", "Failed", within=120)
    assert deaths == [9, 9, 9]
    (refused,) = visitor.all_heard(LayerRefused, uid)
    assert refused.reason == "WorkerLost"
    assert _stalled(failed).reason == "WorkerLost"
    assert "shale retry" in _stalled(failed).message
    assert await visitor.jobs(uid) == []


async def test_a_layer_that_is_in_the_same_hands_as_the_poison_at_every_death_is_packed_all_the_same(
    visitor: Visitor, weights, deaths
) -> None:
    weights("neighbour", slow=20 * MIB)
    weights("venom", poison=20 * MIB)
    await visitor.apply("neighbour")
    await visitor.apply("venom")
    await visitor.reaches("venom", "Failed", within=120)
    assert deaths == [9, 9, 9]
    ended = await visitor.reaches("neighbour", "Ready", "Failed")
    assert ended.status.phase == "Ready"


async def test_a_worker_that_raises_what_nobody_foresaw_three_times_refuses_and_leaves_a_dead_letter(
    visitor: Visitor, weights, deaths
) -> None:
    weights("faulty", faulty=20 * MIB)
    uid = (await visitor.apply("faulty")).metadata.uid
    failed = await visitor.reaches("faulty", "Failed")
    assert deaths == []
    assert _stalled(failed).reason == "Bug"
    assert "nobody foresaw this" in _stalled(failed).message
    assert {one.attempt for one in visitor.all_heard(Progressed, uid, "builder-sync.1")} == {1, 2, 3}
    asked = await visitor.hears(PackLayer, uid, "1-")

    async def buried() -> str | None:
        for one in await visitor.left(streams.DEAD, "shale.dead.>"):
            letter = await visitor.bus.stream.get_last_msg(streams.DEAD.name, one)
            if asked.part in (letter.data or b"").decode() and uid in (letter.data or b"").decode():
                return (letter.headers or {})["Shale-Dead-Why"]
        return None

    assert await visitor.until("a dead letter with the job in it", buried) == "Bug: RuntimeError: nobody foresaw this"
    assert await visitor.jobs(uid) == []
