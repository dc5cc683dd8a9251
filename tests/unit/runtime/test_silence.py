"""How long the world may be silent, and what comes of it."""

import asyncio
from typing import Any

import pytest

from shale.contracts.errors import Transient
from shale.runtime import loop
from shale.runtime.beat import Beat, Stopped
from shale.runtime.decision import Do, Done
from shale.runtime.plane import Nak
from shale.runtime.silence import Silence
from shale.runtime.work import Work
from shale.testkit.played import CARD, JOB, Build, Played, World, always
from shale.testkit.soon import soon
from shale.testkit.toys import declared


@pytest.fixture
async def world() -> World:
    world = World()
    await world.plane.say(declared())
    return world


async def hang(*_: Any, **__: Any) -> Any:
    await asyncio.Event().wait()


async def test_what_is_silent_too_long_is_ended_and_passes_by_itself():
    beat = Beat()
    with pytest.raises(Transient, match=r"^the look gave no sign within 0.01 s$"):
        async with Silence(beat).within(0.01, "the look"):
            await hang()
    with pytest.raises(Stopped):
        beat.moved(1)
    assert beat.cause == "silent"


async def test_what_ends_in_time_is_left_alone():
    beat = Beat()
    async with Silence(beat).within(60, "the look"):
        await asyncio.sleep(0)
    beat.moved(1)
    assert beat.cause == ""


async def test_a_time_out_of_the_services_own_is_its_own():
    with pytest.raises(TimeoutError, match="mine"):
        async with Silence(Beat()).within(60, "the look"):
            raise TimeoutError("mine")


async def test_every_sign_gives_the_time_anew_and_no_sign_does_not(world):
    work = Work(CARD, JOB, world.plane)
    clock = asyncio.get_running_loop().time

    def ends_at() -> float:
        limit = work.silence._limit  # noqa: SLF001 (to wait for it would be a matter of luck)
        return (limit.when() if limit else None) or 0

    async with work.silence.within(60, "work"):
        first, begun = ends_at(), clock()
        await soon(lambda: clock() > begun)
        await work.pulse()
        assert ends_at() == first, "it gave no sign"
        work.beat.moved(1)
        await work.pulse()
        assert ends_at() > first


async def test_a_look_that_hangs_is_tried_again(world, monkeypatch):
    monkeypatch.setattr(loop, "LOOK", 0.01)
    service = always(Done())
    service.observe = hang
    assert isinstance(await world.settle(service), Nak)
    assert (await world.reading()).state == "Retrying"


async def test_a_release_that_hangs_is_tried_again(world, monkeypatch):
    monkeypatch.setattr(loop, "WORK", 0.01)
    await world.gone_and_held()
    service = always(Done())
    service.release = hang
    assert isinstance(await world.settle(service), Nak)
    assert (await world.told()).holders == (CARD.name,)


@pytest.mark.parametrize("trigger", [None, JOB], ids=["of an object's service", "of a job"])
async def test_work_that_gives_no_sign_is_tried_again_and_is_no_death(world, monkeypatch, trigger):
    monkeypatch.setattr(loop, "WORK", 0.01)
    service = Played(lambda _: Do(Build()))
    service.perform = hang
    for _ in range(5):
        assert isinstance(await world.settle(service, trigger), Nak)
    part = f"{CARD.name}.{JOB.part}" if trigger else CARD.name
    assert ((await world.reading(part)).state, (await world.reading(part)).attempt) == ("Retrying", 1)
