"""The reading of one piece of work: one writer, no word after the last, no death that was none."""

import asyncio

import pytest

from shale.contracts.artifact import Layer
from shale.contracts.errors import Transient
from shale.contracts.facts import Progressed
from shale.contracts.jobs import PackLayer
from shale.runtime.decision import Wait
from shale.runtime.plane import Nak
from shale.runtime.work import Work
from shale.testkit.plane import SimBus, SimPlane
from shale.testkit.toys import ABOUT, PACKER

JOB = PackLayer(ABOUT, "0-abc~1", "file:///w", "repo", Layer("0-abc~1", "w", 1))
DOWN = Transient("registry.example: 503")


class Slow(SimPlane):
    """A plane whose reports take as long as somebody wants, and whose answers may be lost on their way."""

    def __init__(self, bus: SimBus) -> None:
        super().__init__(bus, "packer")
        self.let_go = asyncio.Event()
        self.let_go.set()
        self.lost_answers = 0

    async def report(self, progressed: Progressed, after: int) -> int | None:
        revision = await super().report(progressed, after)
        await self.let_go.wait()
        if self.lost_answers:
            self.lost_answers -= 1
            raise Transient("publishing: TimeoutError")
        return revision


@pytest.fixture
def bus() -> SimBus:
    return SimBus()


@pytest.fixture
def plane(bus) -> Slow:
    return Slow(bus)


@pytest.fixture
def work(plane) -> Work:
    return Work(PACKER, JOB, plane)


async def reading(plane: SimPlane) -> Progressed:
    last = (await plane.last(ABOUT, "packer.0-abc~1")).reading
    assert last is not None
    return last


async def test_work_begins_by_saying_working_and_which_attempt_it_is(work, plane):
    assert await work.begin() is None
    assert await reading(plane) == Progressed(ABOUT, "packer.0-abc~1", "Working", attempt=1)


async def test_work_that_began_does_not_begin_again(work, bus):
    await work.begin()
    said = bus.now.last
    assert await work.begin() is None
    assert bus.now.last == said


async def test_work_after_one_that_was_left_at_working_is_the_next_attempt(work, plane):
    await work.begin()
    second = Work(PACKER, JOB, plane)
    await second.begin()
    assert second.voice.attempt == 2


async def test_of_two_who_begin_at_once_one_begins(bus, plane):
    first, second = Work(PACKER, JOB, plane), Work(PACKER, JOB, SimPlane(bus, "packer"))
    await asyncio.gather(first.voice.mark(), second.voice.mark())
    await first.begin()
    assert isinstance(await second.begin(), Nak)


async def test_a_pulse_tells_how_far_the_work_is_when_it_moved(work, plane):
    await work.begin()
    work.beat.moved(5)
    await work.pulse()
    assert (await reading(plane)).bytes_done == 5


async def test_a_pulse_of_work_that_did_not_move_says_nothing(work, bus):
    await work.begin()
    said = bus.now.last
    await work.pulse()
    assert bus.now.last == said


async def test_a_pulse_of_work_that_another_worker_took_stops_it(work, plane):
    await work.begin()
    await Work(PACKER, JOB, plane).begin()
    work.beat.moved(5)
    await work.pulse()
    assert work.beat.cause == "lost"


async def test_a_pulse_on_its_way_does_not_take_the_last_word(work, plane):
    await work.begin()
    work.beat.moved(5)
    plane.let_go.clear()
    pulse = asyncio.create_task(work.pulse())
    await asyncio.sleep(0)
    ending = asyncio.create_task(work.retries(DOWN))
    await asyncio.sleep(0)
    plane.let_go.set()
    await pulse
    assert isinstance(await ending, Nak)
    assert (await reading(plane)).state == "Retrying"


async def test_no_pulse_comes_after_the_last_word(work, plane):
    await work.begin()
    await work.retries(DOWN)
    work.beat.bytes_done = 7
    await work.pulse()
    assert (await reading(plane)).state == "Retrying"


async def test_a_pulse_whose_answer_was_lost_does_not_stop_the_work(work, plane):
    await work.begin()
    work.beat.moved(5)
    plane.lost_answers = 1
    with pytest.raises(Transient):
        await work.pulse()
    work.beat.moved(6)
    await work.pulse()
    assert work.beat.cause == ""
    assert (await reading(plane)).bytes_done == 6


async def test_a_beginning_whose_answer_was_lost_is_no_death(work, plane):
    plane.lost_answers = 1
    with pytest.raises(Transient):
        await work.begin()
    await work.retries(DOWN)
    again = Work(PACKER, JOB, plane)
    await again.begin()
    assert again.voice.attempt == 1


async def test_a_lost_answer_is_not_taken_for_ours_when_another_worker_spoke_since(work, plane, bus):
    await work.begin()
    work.beat.moved(5)
    plane.lost_answers = 1
    with pytest.raises(Transient):
        await work.pulse()
    await Work(PACKER, JOB, SimPlane(bus, "packer")).begin()
    work.beat.moved(6)
    await work.pulse()
    assert work.beat.cause == "lost"


async def test_retrying_keeps_its_nak_when_the_bus_is_what_failed(work, plane):
    plane.lost_answers = 9
    assert isinstance(await work.retries(DOWN), Nak)


async def test_work_that_only_looks_again_at_what_stalled_it_still_says_so_until_it_moves(work, plane):
    """A status that flapped every minute would tell people that somebody had mended it."""
    await work.waits(Wait("DiskFull", "free some space", until=0, stalled=True))
    again = Work(PACKER, JOB, plane)
    await again.begin()
    assert await reading(plane) == Progressed(
        ABOUT, "packer.0-abc~1", "Working", reason="DiskFull", message="free some space", attempt=1
    )
    again.beat.moved(1)
    await again.pulse()
    assert (await reading(plane)).reason == ""


async def test_work_that_only_looks_again_at_what_it_waits_for_still_says_so(work, plane):
    await work.waits(Wait("Binding", "claim a/b is not bound yet", until=0))
    again = Work(PACKER, JOB, plane)
    await again.begin()
    assert await reading(plane) == Progressed(
        ABOUT, "packer.0-abc~1", "Working", message="claim a/b is not bound yet", attempt=1
    )
