"""Who was declared, read from a real stream's index of subjects."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.contracts.facts import StorageReady
from shale.runtime.bus.census import JetCensus
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.jetplane import JetPlane
from shale.testkit.toys import ABOUT, ALL, declared

pytestmark = pytest.mark.real_nats


def about(number: int, generation: int = 1, **fields: str) -> About:
    return msgspec.structs.replace(ABOUT, name=f"mv-{number}", uid=f"uid-{number}", generation=generation, **fields)


async def found(bus: Bus, kind: str = "modelversion") -> list[About]:
    return sorted(await JetCensus(bus).declared(kind), key=lambda one: one.uid)


async def test_nobody_was_declared_at_first(real_bus: Bus):
    assert await found(real_bus) == []


async def test_of_each_who_was_declared_the_newest_generation_is_told(real_bus: Bus, real_plane: JetPlane):
    for one in (about(1, 2), about(1, 10), about(1, 9), about(2)):
        await real_plane.say(declared(one))
    assert await found(real_bus) == [about(1, 10), about(2)]


async def test_other_facts_and_other_kinds_do_not_count(real_bus: Bus, real_plane: JetPlane):
    await real_plane.say(StorageReady(about(1), "file:///w"))
    await real_plane.say(declared(about(2, kind="model")))
    assert await found(real_bus) == []
    assert await found(real_bus, "model") == [about(2, kind="model")]


async def test_what_was_forgotten_is_not_told(real_bus: Bus, real_plane: JetPlane):
    for number in (1, 2):
        await real_plane.say(declared(about(number)))
    await real_plane.forget(about(1), ALL)
    assert await found(real_bus) == [about(2)]


async def test_names_come_back_as_they_were_written(real_bus: Bus, real_plane: JetPlane):
    dotted = about(1, namespace="team.a")
    await real_plane.say(declared(dotted))
    assert await found(real_bus) == [dotted]


async def test_thousands_are_told(real_bus: Bus, real_plane: JetPlane):
    for start in range(0, 2000, 200):
        await asyncio.gather(*(real_plane.say(declared(about(number))) for number in range(start, start + 200)))
    assert len(await found(real_bus)) == 2000


@pytest.mark.parametrize("odd", ["uid.not-a-number", f"uid.{'9' * 300}", "uid!.1", "$uid.1"])
async def test_a_subject_that_is_none_of_ours_hides_nobody(real_bus: Bus, real_plane: JetPlane, odd: str):
    await real_bus.publish(f"shale.fact.modelversion.a.b.{odd}.declared", b"{}")
    await real_plane.say(declared(about(1)))
    assert await found(real_bus) == [about(1)]


async def test_a_stream_that_is_not_there_is_a_transient(real_bus: Bus):
    await real_bus.api("STREAM.DELETE.SHALE_FACTS", {})
    with pytest.raises(Transient, match="SHALE_FACTS: stream not found"):
        await found(real_bus)
