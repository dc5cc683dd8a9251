"""A scribe that slept while another wrote: what it knew is old, and its write is refused."""

import sys
from pathlib import Path

import pytest

from shale.testkit.house import House
from shale.testkit.visitor import Visitor

pytestmark = pytest.mark.real_nats

SLEEPER = str(Path(__file__).with_name("sleeper.py"))


@pytest.mark.parametrize("moment", ["read", "write"])
async def test_a_scribe_that_slept_over_its_lease_does_not_overwrite_the_newer_status(
    house: House, visitor: Visitor, weights, moment
) -> None:
    house.the("watcher").stop()
    zombie = house.start("watcher", command=(sys.executable, SLEEPER, moment))

    async def leads() -> bool:
        return bool(zombie.says("leading"))

    await visitor.until("the sleeper leads", leads)
    other = house.start("watcher")
    weights(f"asleep-{moment}", huge=300 << 20)  # long enough for a status between Pending and Ready
    await visitor.apply(f"asleep-{moment}")

    async def sleeps() -> bool:
        return bool(zombie.says("sleeps"))

    await visitor.until("the scribe asleep", sleeps)
    before = await visitor.get(f"asleep-{moment}")
    assert before is not None
    assert before.status.phase != "Ready", "it fell asleep too late to prove anything"
    ready = await visitor.reaches(f"asleep-{moment}")
    assert other.says("leading")

    zombie.resume()

    async def through() -> bool:
        return bool(zombie.says("no longer leading") and (moment == "read" or zombie.says("wrote")))

    await visitor.until("the sleeper awake and through", through)
    if moment == "write":
        assert [record["result"] for record in zombie.says("wrote")] == ["Conflict"]
    after = await visitor.get(f"asleep-{moment}")
    assert after is not None
    assert after.status == ready.status
    zombie.stop()
