"""settle(): every row of the house's table of answers, over a simulated bus."""

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.contracts.facts import (
    ImageBuilt,
    LayerPacked,
    LayerRefused,
    Progressed,
    Refused,
    StorageReady,
)
from shale.runtime.decision import Do, Done, Refuse, Wait
from shale.runtime.loop import MAX_STEPS
from shale.runtime.plane import Ack, Nak, Term
from shale.runtime.work import MAX_ATTEMPTS, MAX_ERROR, MAX_NAK, Work
from shale.testkit.plane import EPOCH
from shale.testkit.played import (
    BUILT,
    CARD,
    FOLDER,
    JOB,
    LAYER,
    PACKED,
    READY,
    Build,
    Played,
    World,
    always,
    built_then,
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


# --- the table of answers -------------------------------------------------------------------------------------------


async def test_do_performs_and_decides_again_until_done(world):
    service = built_then(Done((BUILT,)))
    assert await world.settle(service) == Ack()
    assert service.done == ["observe 1", "perform Build"]
    assert (await world.told()).one(ImageBuilt) == BUILT


async def test_done_says_every_fact_then_acks(world):
    assert await world.settle(always(Done((READY, BUILT)))) == Ack()
    told = await world.told()
    assert told.one(StorageReady) == READY
    assert told.one(ImageBuilt) == BUILT


async def test_done_after_somebody_else_told_it_first_acks_and_the_first_word_stands(world):
    first = msgspec.structs.replace(READY, uri="file:///first")
    await world.plane.say(first)
    assert await world.settle(always(Done((READY,)))) == Ack()
    assert (await world.told()).one(StorageReady) == first


async def test_wait_says_why_arms_a_tick_and_acks(world):
    assert await world.settle(always(WAIT)) == Ack()
    assert await world.reading() == Progressed(
        ABOUT, "builder", "Waiting", reason="Packing", message="12 of 37 layers packed"
    )
    assert world.bus.next_tick() == EPOCH + 86_400


async def test_wait_says_nothing_when_it_is_no_news(world):
    await world.settle(always(WAIT))
    revision = world.bus.now.last
    await world.settle(always(WAIT))
    assert world.bus.now.last == revision


async def test_wait_again_in_arms_a_nearer_tick(world):
    await world.settle(always(msgspec.structs.replace(WAIT, again_in=5)))
    assert world.bus.next_tick() == EPOCH + 5


async def test_wait_until_a_time_that_is_past_looks_again_in_a_second(world):
    await world.settle(always(msgspec.structs.replace(WAIT, until=EPOCH - 60)))
    assert world.bus.next_tick() == EPOCH + 1


async def test_wait_stalled_says_stalled_with_the_cure_and_acks(world):
    cure = Wait("SecretNotFound", "shale grant team-a push", until=EPOCH + 86_400, stalled=True)
    assert await world.settle(always(cure)) == Ack()
    reading = await world.reading()
    assert reading == Progressed(
        ABOUT, "builder", "Stalled", reason="SecretNotFound", message="shale grant team-a push"
    )


async def test_a_job_that_waits_comes_again_as_it_is_its_own_tick(world):
    await world.plane.ask(JOB)
    assert await world.settle(always(msgspec.structs.replace(WAIT, again_in=7)), JOB) == Nak(7)
    assert world.bus.next_tick() is None


async def test_refuse_says_refused_and_terminates(world):
    assert await world.settle(always(Refuse("EmptySource", "holds no files"))) == Term()
    assert (await world.told()).one(Refused) == Refused(ABOUT, "builder", "EmptySource", "holds no files")


async def test_refuse_of_a_job_says_the_jobs_own_refusal(world):
    assert await world.settle(always(Refuse("Unreadable", "no permission")), JOB) == Term()
    refused = LayerRefused(ABOUT, LAYER.part, "Unreadable", "no permission")
    assert (await world.told()).one(LayerRefused) == refused


async def test_transient_naks_with_jitter_and_says_when_it_tries_again(world):
    answer = await world.settle(raising(DOWN))
    assert isinstance(answer, Nak)
    assert 0.5 <= answer.delay <= 1
    reading = await world.reading()
    assert (reading.state, reading.error, reading.attempt) == ("Retrying", "registry.example: 503", 1)
    assert reading.next_at == pytest.approx(EPOCH + answer.delay)


@pytest.mark.parametrize("tries", [0, 1, 3, 6, 7, 50, 2000])
async def test_transient_waits_longer_each_time_and_never_above_a_minute(world, tries):
    answer = await world.settle(raising(DOWN), tries=tries)
    assert isinstance(answer, Nak)
    assert min(MAX_NAK, 2.0 ** min(tries, 6)) / 2 <= answer.delay <= MAX_NAK


async def test_transient_waits_as_long_as_the_other_side_asks_but_not_above_a_minute(world):
    assert await world.settle(raising(Transient("429", after=12))) == Nak(12)
    assert await world.settle(raising(Transient("429", after=3600))) == Nak(MAX_NAK)


async def test_a_bug_is_tried_three_times_then_refused_and_dead_lettered(world):
    answers = [await world.settle(raising(KeyError("layers")), tries=tries) for tries in range(3)]
    assert answers == [Nak(2), Nak(4), Term(why="Bug: KeyError: 'layers'")]
    refused = (await world.told()).one(Refused)
    assert refused is not None
    assert refused.reason == "Bug"
    assert "KeyError: 'layers'" in refused.message


async def test_a_bug_in_decide_is_counted_as_one_in_perform(world):
    def wrong(_):
        raise ZeroDivisionError

    answers = [await world.settle(Played(wrong), tries=tries) for tries in range(3)]
    assert [type(answer) for answer in answers] == [Nak, Nak, Term]


async def test_another_process_at_work_on_the_same_object_is_no_death(world):
    answers = [await world.settle(raising(KeyError("layers")), tries=0) for _ in range(4)]
    assert answers == [Nak(2)] * 4, "only what comes again counts: this may be four live processes"


async def test_a_service_that_decides_for_ever_is_a_bug(world):
    service = always(Do(Build()))
    assert isinstance(await world.settle(service), Nak)
    assert service.done.count("perform Build") == MAX_STEPS


async def test_a_bug_whose_text_no_message_carries_is_cut(world):
    await world.settle(raising(ValueError("x" * 1_000_000)))
    reading = await world.reading()
    assert len(reading.error) == MAX_ERROR


async def test_a_bug_of_a_card_that_says_nothing_comes_again_for_ever(world):
    service = Played(lambda _: 1 / 0, FOLDER)
    assert [await world.settle(service) for _ in range(5)] == [Nak(MAX_NAK)] * 5


# --- what dies of its input -----------------------------------------------------------------------------------------


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


async def test_work_that_went_well_leaves_no_death_behind_for_the_next_trigger(world):
    for _ in range(MAX_ATTEMPTS + 2):
        assert await world.settle(built_then(Done((READY,)))) == Ack()
    reading = await world.reading()
    assert (reading.state, reading.reason) == ("Waiting", "Idle")
