"""Two watchers: one leads, the other stands by, and nothing is told twice."""

import pytest

from shale.contracts.facts import Declared, ImageBuilt
from shale.testkit.house import House
from shale.testkit.visitor import Visitor

pytestmark = pytest.mark.real_nats


async def _leads(visitor: Visitor, process) -> None:
    async def look() -> bool:
        return bool(process.says("leading"))

    await visitor.until(f"{process.name} leads", look)


async def test_when_the_leading_watcher_is_killed_the_one_standing_by_leads_within_the_lease_and_nothing_is_told_twice(
    house: House, visitor: Visitor, weights
) -> None:
    leader = house.the("watcher")
    await _leads(visitor, leader)
    standby = house.start("watcher")
    weights("first")
    first = await visitor.apply("first")
    await visitor.reaches("first")

    async def up() -> bool:
        return bool(standby.says("up"))

    await visitor.until("the second watcher up", up)
    assert not standby.says("leading"), "two lead at once"

    leader.kill()
    weights("second")
    second = await visitor.apply("second")
    await visitor.reaches("second", within=house.lease_ttl * 4 / 3 + 3)
    assert standby.says("leading")
    for version in (first, second):
        assert await visitor.times(Declared, version.metadata.uid) == {"1": 1}
        assert await visitor.times(ImageBuilt, version.metadata.uid) == {"1": 1}


async def test_a_watcher_that_ends_in_order_gives_its_lease_back_at_once(
    house: House, visitor: Visitor, weights
) -> None:
    leader = house.the("watcher")
    await _leads(visitor, leader)
    standby = house.start("watcher")
    assert leader.stop() == 0
    await _leads(visitor, standby)
    weights("third")
    await visitor.apply("third")
    await visitor.reaches("third")


async def test_a_leader_that_slept_over_its_lease_steps_back_and_the_status_stays_the_newer_one(
    house: House, visitor: Visitor, weights
) -> None:
    leader = house.the("watcher")
    await _leads(visitor, leader)
    standby = house.start("watcher")
    leader.pause()
    await _leads(visitor, standby)
    weights("fourth")
    version = await visitor.apply("fourth")
    await visitor.reaches("fourth")
    leader.resume()

    async def stepped_back() -> bool:
        return bool(leader.says("no longer leading"))

    await visitor.until("the one that slept steps back", stepped_back)
    ready = await visitor.get("fourth")
    assert ready is not None
    assert ready.status.phase == "Ready"
    assert await visitor.times(Declared, version.metadata.uid) == {"1": 1}
