"""What was told, in order: the history as outsiders read it, on a real server."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from shale.contracts.about import About
from shale.contracts.facts import Fact, Gone, Progressed, StorageReady
from shale.runtime.bus import history
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.jetplane import JetPlane

pytestmark = pytest.mark.real_nats

WITHIN = 60.0


def about(name: str, namespace: str = "team-a", kind: str = "modelversion") -> About:
    return About(kind, namespace, name, f"uid-{name}", 1)


async def listed(bus: Bus, count: int, kind: str = "", namespace: str = "") -> list[Fact]:
    """Return what the history holds, once it holds `count`: it follows its sources by milliseconds."""
    async with asyncio.timeout(WITHIN):
        while True:
            found = [one.fact async for one in history.told(bus, kind, namespace)]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def test_an_empty_history_ends_at_once(real_bus: Bus) -> None:
    assert [one async for one in history.told(real_bus)] == []


async def test_everything_is_told_in_its_order_or_what_is_asked_for(real_bus: Bus) -> None:
    plane = JetPlane(real_bus, "test")
    one, other = StorageReady(about("one"), "file:///1"), StorageReady(about("other", "team-b"), "file:///2")
    model = Gone(about("m", kind="model"))
    for fact in (one, other, model):
        await plane.say(fact)
    assert await listed(real_bus, 3) == [one, other, model]
    assert await listed(real_bus, 1, namespace="team-b") == [other]
    assert await listed(real_bus, 2, namespace="team-a") == [one, model]
    assert await listed(real_bus, 1, kind="model") == [model]


async def test_a_reading_that_was_replaced_stays_once_it_was_copied(real_bus: Bus) -> None:
    plane, told = JetPlane(real_bus, "test"), Progressed(about("one"), "builder-sync.1", "Working", bytes_done=1)
    revision = await plane.report(told, 0)
    assert revision is not None
    assert await listed(real_bus, 1) == [told]
    await plane.report(Progressed(about("one"), "builder-sync.1", "Working", bytes_done=2), revision)
    assert [getattr(fact, "bytes_done", 0) for fact in await listed(real_bus, 2)] == [1, 2]


async def test_a_follower_hears_what_is_told_next(real_bus: Bus) -> None:
    plane, facts = JetPlane(real_bus, "test"), [StorageReady(about(f"mv-{n}"), "file:///1") for n in range(20)]
    await plane.say(facts[0])
    heard: list[Fact] = []
    async with asyncio.timeout(WITHIN), aclosing(history.told(real_bus, follow=True)) as told:
        async for one in told:
            heard.append(one.fact)
            if len(heard) == len(facts):
                break
            if len(heard) == 1:
                for fact in facts[1:]:
                    await plane.say(fact)
    assert heard == facts
