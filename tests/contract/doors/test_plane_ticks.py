"""The laws of the bus, of who is woken when and for whom: kept by the simulator and by a real nats-server alike."""

import asyncio
from typing import Any

import msgspec
import pytest

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.facts import Declared, Gone
from shale.contracts.resources import ModelSpec
from shale.runtime.service import Card
from shale.testkit.rigs import CARD, Rig
from shale.testkit.toys import ABOUT, SPEC, declared

SOON = 60.0


@pytest.fixture
def bus_cards() -> tuple[Card, ...]:
    return (CARD,)


# --- ticks ----------------------------------------------------------------------------------------------------------


async def rings(rig: Rig, within: float) -> About | None:
    taken = await rig.take(streams.TICKS.name, within)
    if taken is None:
        return None
    data, ack = taken
    await ack()
    return msgspec.json.decode(data, type=About)


async def test_a_tick_wakes_its_service_for_its_object(rig):
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 1)
    assert await rings(rig, SOON) == ABOUT


async def test_a_tick_does_not_wake_before_its_time(rig):
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 60)
    assert await rings(rig, 0.5) is None


async def test_arming_again_for_a_nearer_time_wakes_at_the_nearer_and_once(rig):
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 60)
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 1)
    assert await rings(rig, SOON) == ABOUT
    assert await rings(rig, 0.5) is None


async def test_arming_again_for_a_later_time_wakes_at_the_later(rig):
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 1)
    await rig.other.arm("waiter", ABOUT, rig.plane.now() + 60)
    assert await rings(rig, 2.5) is None


async def test_a_tick_that_another_process_put_off_is_armed_anew_when_it_is_needed_sooner(rig):
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 2)
    await rig.other.arm("waiter", ABOUT, rig.plane.now() + 60)
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 2)
    assert await rings(rig, SOON) == ABOUT


async def test_ticks_of_two_generations_are_two(rig):
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 1)
    await rig.plane.arm("waiter", ABOUT.at(2), rig.plane.now() + 1)
    woken = [await rings(rig, SOON), await rings(rig, SOON)]
    assert {about.generation for about in woken if about} == {1, 2}


@pytest.mark.parametrize("skew", [-3600, 3600], ids=["behind", "ahead"])
async def test_a_tick_comes_in_its_time_though_the_hosts_clock_is_an_hour_off(rig, skew):
    now = rig.plane.now
    rig.plane.now = lambda: now() + skew
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 60)
    assert await rings(rig, 1) is None, "it rang a minute too early, and would again as often as it is armed"
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 1)
    assert await rings(rig, SOON) == ABOUT


async def test_who_is_woken_now_is_woken_once_and_its_later_tick_stays(rig):
    await rig.plane.arm("waiter", ABOUT, rig.plane.now() + 2)
    await rig.other.wake("waiter", ABOUT, 7)
    await rig.plane.wake("waiter", ABOUT, 8)
    assert await rings(rig, 0.5) == ABOUT
    assert await rings(rig, 0.5) is None
    assert await rings(rig, SOON) == ABOUT


# --- who refers to whom ---------------------------------------------------------------------------------------------

MODEL = About("model", ABOUT.namespace, SPEC.model_name, "uid-m", 1)


def model(about: About = MODEL) -> Declared[Any, Any]:
    return Declared(about, ModelSpec(), "2026-01-01T00:00:00Z")


def version(number: int, **fields: Any) -> About:
    return msgspec.structs.replace(ABOUT, name=f"v-{number}", uid=f"uid-{number}", **fields)


async def test_nobody_bears_a_name_that_was_not_declared(plane):
    assert await plane.named("model", ABOUT.namespace, MODEL.name) is None


async def test_a_name_means_the_newest_that_was_declared_under_it_and_is_not_gone(plane):
    old, new = MODEL, msgspec.structs.replace(MODEL, uid="uid-n")
    await plane.say(model(old))
    await plane.say(model(old.at(2)))
    assert await plane.named("model", ABOUT.namespace, MODEL.name) == old.at(2)
    await plane.say(Gone(old))
    assert await plane.named("model", ABOUT.namespace, MODEL.name) is None
    await plane.say(model(new))
    assert await plane.named("model", ABOUT.namespace, MODEL.name) == new
    assert await plane.named("model", "team-b", MODEL.name) is None


async def test_who_refers_to_an_object_is_who_names_it_in_its_newest_wish_in_the_same_namespace(plane):
    other = msgspec.structs.replace(SPEC, model_name="other")
    for one in (version(1), version(2), version(3, namespace="team-b"), version(4)):
        await plane.say(msgspec.structs.replace(declared(one), spec=SPEC if one.name != "v-2" else other))
    await plane.say(msgspec.structs.replace(declared(version(4).at(2)), spec=other))
    assert await plane.referrers(("modelversion", "model"), MODEL) == (version(1),)
    assert await plane.referrers(("model",), MODEL) == ()


async def test_hundreds_that_refer_to_one_object_are_all_told(plane):
    await asyncio.gather(*(plane.say(declared(version(number))) for number in range(600)))
    assert len(await plane.referrers(("modelversion",), MODEL)) == 600


def test_a_tick_at_its_time_is_not_under_what_holds_it_until_then():
    tick = subjects.of_tick("waiter", ABOUT)
    assert subjects.armed(tick) != tick
