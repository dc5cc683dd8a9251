"""The laws of readings: one writer, the last one counts; kept by the simulator and by a real nats-server alike."""

import asyncio

import msgspec
import pytest

from shale.contracts.facts import Progressed
from shale.runtime.plane import Mark
from shale.runtime.service import Card
from shale.testkit.rigs import CARD
from shale.testkit.toys import ABOUT

SOON = 60.0
PART = "0-abcdef~1"


@pytest.fixture
def bus_cards() -> tuple[Card, ...]:
    return (CARD,)


def working(done: int = 0, attempt: int = 1) -> Progressed:
    return Progressed(ABOUT, "waiter", "Working", bytes_done=done, attempt=attempt)


async def readings_of(plane, *, readings: bool) -> tuple[Progressed, ...]:
    return (await plane.told(ABOUT, 0, asked=False, readings=readings)).readings


# --- readings -------------------------------------------------------------------------------------------------------


async def test_of_work_that_never_spoke_there_is_no_reading(plane):
    assert await plane.last(ABOUT, "waiter") == Mark()


async def test_the_last_reading_comes_back_with_the_revision_to_replace(plane):
    revision = await plane.report(working(), 0) or 0
    assert msgspec.structs.replace(await plane.last(ABOUT, "waiter"), age=0) == Mark(working(), revision)
    second = await plane.report(working(5), revision) or 0
    assert msgspec.structs.replace(await plane.last(ABOUT, "waiter"), age=0) == Mark(working(5), second)


async def test_of_a_working_its_age_is_told_and_a_word_that_is_repeated_is_young_again(rig):
    revision = await rig.plane.report(working(), 0) or 0
    await rig.passes(1.2)
    old = await rig.other.last(ABOUT, "waiter")
    assert 1.2 <= old.age < SOON
    await rig.plane.report(working(), revision)
    assert (await rig.other.last(ABOUT, "waiter")).age < old.age


async def test_the_age_of_a_working_is_by_the_servers_clock(rig):
    await rig.plane.report(working(), 0)
    rig.other.now = lambda: 0.0
    assert (await rig.other.last(ABOUT, "waiter")).age < SOON


async def test_of_any_other_word_no_age_is_asked(plane):
    await plane.report(Progressed(ABOUT, "waiter", "Waiting"), 0)
    assert (await plane.last(ABOUT, "waiter")).age == 0


async def test_a_reading_is_replaced_only_by_who_knows_the_last_one(rig):
    revision = await rig.plane.report(working(), 0) or 0
    both = await asyncio.gather(rig.plane.report(working(1), revision), rig.other.report(working(2), revision))
    assert sorted(one is None for one in both) == [False, True]


async def test_a_first_reading_is_refused_where_there_is_one(plane):
    await plane.report(working(), 0)
    assert await plane.report(working(), 0) is None


async def test_readings_of_an_object_are_told_to_who_asks_for_them(plane):
    part = Progressed(ABOUT, f"waiter.{PART}", "Working")
    await plane.report(working(), 0)
    await plane.report(part, 0)
    assert set(await readings_of(plane, readings=True)) == {working(), part}
    assert await readings_of(plane, readings=False) == ()
