"""settle(): what dies of its input, which attempt comes next, and who finds another at work."""

import pytest

from shale.contracts.errors import Transient
from shale.contracts.facts import LayerPacked, LayerRefused, Refused
from shale.runtime.attempts import MAX_ATTEMPTS, STALE
from shale.runtime.decision import Do, Done, Wait
from shale.runtime.plane import Ack, Nak, Term
from shale.runtime.service import Woken
from shale.runtime.work import Work
from shale.testkit.plane import EPOCH
from shale.testkit.played import (
    BUILT,
    CARD,
    JOB,
    LAYER,
    PACKED,
    READY,
    Build,
    Played,
    World,
    always,
    built_then,
    failing,
    raising,
)
from shale.testkit.toys import ABOUT, declared

WAIT = Wait("Packing", "12 of 37 layers packed", until=EPOCH + 86_400)
DOWN = Transient("registry.example: 503")


@pytest.fixture
async def world() -> World:
    world = World()
    await world.plane.say(declared())
    return world


# --- of a job: it is in one worker's hands at a time ------------------------------------------------------------------


class Died(BaseException):
    """The process is gone."""


async def dies(world: World, trigger=None) -> None:
    with pytest.raises(Died):
        await world.settle(raising(Died()), trigger)


async def test_work_that_killed_three_workers_is_refused_as_worker_lost(world):
    for _ in range(MAX_ATTEMPTS):
        await dies(world, JOB)
    answer = await world.settle(built_then(Done((PACKED,))), JOB)
    assert answer == Term(why="WorkerLost: the worker died of it")
    refused = (await world.told()).one(LayerRefused)
    assert refused is not None
    assert refused.reason == "WorkerLost"


async def test_work_that_killed_two_workers_may_still_be_done_by_the_third(world):
    for _ in range(MAX_ATTEMPTS - 1):
        await dies(world, JOB)
    assert await world.settle(built_then(Done((PACKED,))), JOB) == Ack()
    assert (await world.told()).one(LayerPacked) == PACKED


async def test_a_try_again_after_a_transient_is_no_death(world):
    for _ in range(10):
        assert isinstance(await world.settle(raising(DOWN), JOB), Nak)
    assert await world.settle(built_then(Done((PACKED,))), JOB) == Ack()


async def test_a_hand_over_is_no_death(world):
    for _ in range(10):
        work = Work(CARD, JOB, world.plane)
        work.beat.stop("handed over")
        service = Played(lambda _: Do(Build()), perform=lambda _, beat: beat.moved(1))
        assert await world.settle(service, work=work) == Nak(0)
    assert await world.settle(built_then(Done((PACKED,))), JOB) == Ack()


async def test_deaths_before_a_retry_stay_counted_after_it(world):
    await dies(world, JOB)
    await dies(world, JOB)
    await world.settle(raising(DOWN), JOB)
    reading = await world.reading(f"builder.{LAYER.part}")
    assert (reading.state, reading.attempt) == ("Retrying", 3)


# --- of an object's service: no message says whether somebody else is at work ----------------------------------------


async def test_a_service_that_died_three_times_refuses_however_its_messages_come(world):
    for _ in range(MAX_ATTEMPTS):
        await dies(world)
        world.later()
    answer = await world.settle(built_then(Done((BUILT,))))
    assert answer == Term(why="WorkerLost: the worker died of it")
    refused = (await world.told()).one(Refused)
    assert refused is not None
    assert refused.reason == "WorkerLost"


@pytest.mark.parametrize("tries", [0, 1, 5])
async def test_three_messages_of_one_death_are_no_three_deaths(world, tries):
    await dies(world)
    answers = [await world.settle(built_then(Done((READY,))), tries=tries) for _ in range(3)]
    assert all(isinstance(answer, Nak) for answer in answers), "for all they know another one is at work"
    assert (await world.reading()).attempt == 1
    world.later()
    assert await world.settle(built_then(Done((READY,))), tries=tries) == Ack()


async def test_another_process_at_work_on_the_same_object_is_no_death(world):
    other = Work(CARD, Woken(ABOUT), world.plane)
    await other.begin()
    for _ in range(9):
        world.bus.advance(world.bus.clock + STALE - 1)
        await other.voice.repeats(other.beat.bytes_done + 1)
        other.beat.bytes_done += 1
        assert isinstance(await world.settle(built_then(Done((BUILT,)))), Nak)
    assert await other.voice.repeats(999), "it is still its writer"
    assert (await world.reading()).attempt == 1


@pytest.mark.parametrize("tries", [0, 1, 3, 40])
async def test_who_finds_another_at_work_waits_with_back_off_and_never_longer_than_a_death_takes(world, tries):
    await Work(CARD, Woken(ABOUT), world.plane).begin()
    answer = await world.settle(built_then(Done((BUILT,))), tries=tries)
    assert isinstance(answer, Nak)
    assert min(STALE, 2.0 ** min(tries, 6) / 2) <= answer.delay <= min(STALE, 2.0 ** min(tries, 6))


@pytest.mark.parametrize(
    "service", [always(WAIT), raising(DOWN), Played(lambda _: 1 / 0)], ids=["waits", "retries", "fails"]
)
async def test_while_another_is_at_work_it_alone_speaks(world, service):
    other = Work(CARD, Woken(ABOUT), world.plane)
    await other.begin()
    await world.settle(service)
    assert await other.voice.repeats(5)
    assert (await world.reading()).state == "Working"


@pytest.mark.parametrize("trigger", [Woken(ABOUT), JOB], ids=["of an object's service", "of a job"])
async def test_a_death_is_not_forgotten_by_who_looks_and_does_nothing(world, trigger):
    for _ in range(MAX_ATTEMPTS):
        await dies(world, trigger)
        world.later()
        service = always(WAIT)
        service.observe = failing(DOWN)
        await world.settle(service, trigger)
    answer = await world.settle(built_then(Done((BUILT,))), trigger)
    assert answer == Term(why="WorkerLost: the worker died of it")


async def test_work_that_went_well_after_a_death_has_all_its_attempts_again(world):
    await dies(world)
    world.later()
    assert await world.settle(built_then(Done((READY,)))) == Ack()
    assert (await world.reading()).attempt == 0


async def test_work_that_went_well_leaves_no_death_behind_for_the_next_trigger(world):
    for _ in range(MAX_ATTEMPTS + 2):
        assert await world.settle(built_then(Done((READY,)))) == Ack()
    reading = await world.reading()
    assert (reading.state, reading.reason) == ("Waiting", "Idle")
