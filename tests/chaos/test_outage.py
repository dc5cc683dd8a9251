"""NATS ends under work and under an idle house, and comes back."""

import asyncio

import pytest

from shale.contracts.facts import Declared, ImageBuilt, LayerPacked, Progressed
from shale.testkit.house import House
from shale.testkit.visitor import Visitor

pytestmark = pytest.mark.real_nats

MIB = 1 << 20
OUTAGE = 2.0
"""Seconds."""


async def test_a_version_is_built_once_when_nats_is_killed_for_two_seconds_while_its_layer_is_packed(
    house: House, visitor: Visitor, weights
) -> None:
    weights("outage", huge=300 * MIB)
    uid = (await visitor.apply("outage")).metadata.uid
    await visitor.hears(Progressed, uid, "builder-sync.1", state="Working")
    house.server.kill()
    await asyncio.sleep(OUTAGE)  # the outage itself
    house.server.start()
    await visitor.reconnects()
    await visitor.reaches("outage")
    assert await visitor.times(Declared, uid) == {"1": 1}
    assert await visitor.times(ImageBuilt, uid) == {"1": 1}
    assert set((await visitor.times(LayerPacked, uid)).values()) == {1}
    assert [process.name for process in house.processes if not process.is_running] == []


async def test_an_idle_house_serves_the_next_version_after_its_nats_was_killed(
    house: House, visitor: Visitor, weights
) -> None:
    weights("idle-before")
    await visitor.apply("idle-before")
    await visitor.reaches("idle-before")
    house.server.kill()
    house.server.start()
    await visitor.reconnects()
    weights("idle-after")
    uid = (await visitor.apply("idle-after")).metadata.uid
    await visitor.reaches("idle-after")
    assert await visitor.times(ImageBuilt, uid) == {"1": 1}
    assert [process.name for process in house.processes if not process.is_running] == []
