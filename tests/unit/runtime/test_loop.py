"""settle(): every row of the house's table of answers, over a simulated bus."""

from typing import Any

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.contracts.facts import (
    ImageBuilt,
    LayerRefused,
    Progressed,
    Refused,
    StorageReady,
)
from shale.runtime.attempts import MAX_NAK
from shale.runtime.decision import Do, Done, Refuse, Wait
from shale.runtime.loop import MAX_STEPS
from shale.runtime.plane import Ack, Answer, Nak, Term
from shale.runtime.work import MAX_ERROR, MAX_MESSAGE
from shale.testkit.plane import EPOCH
from shale.testkit.played import (
    BUILT,
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


@pytest.mark.parametrize("trigger", [None, JOB], ids=["of an object", "of a job"])
async def test_what_a_person_is_told_is_cut_to_what_travels(world, trigger):
    long = "x" * 1_000_000
    await world.settle(always(msgspec.structs.replace(WAIT, message=long)), trigger)
    part = f"builder.{LAYER.part}" if trigger else "builder"
    assert (await world.reading(part)).message == "x" * MAX_MESSAGE
    await world.settle(always(Refuse("EmptySource", long)), trigger)
    told = await world.told()
    refused = told.one(Refused) or told.one(LayerRefused)
    assert refused is not None
    assert refused.message == "x" * MAX_MESSAGE


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


async def answers_of(world: World, service: Played, trigger: Any = None, times: int = 3) -> list[Answer]:
    """Settle so often, a minute from one time to the next."""
    answers: list[Answer] = []
    for _ in range(times):
        answers.append(await world.settle(service, trigger))
        world.later()
    return answers


async def test_a_bug_is_tried_three_times_then_refused_and_dead_lettered(world):
    answers = await answers_of(world, raising(KeyError("layers")))
    assert answers == [Nak(2), Nak(4), Term(why="Bug: KeyError: 'layers'")]
    refused = (await world.told()).one(Refused)
    assert refused is not None
    assert refused.reason == "Bug"
    assert "KeyError: 'layers'" in refused.message


async def test_a_bug_in_decide_is_counted_as_one_in_perform(world):
    def wrong(_):
        raise ZeroDivisionError

    answers = await answers_of(world, Played(wrong))
    assert [type(answer) for answer in answers] == [Nak, Nak, Term]


async def test_what_failed_is_tried_again_when_it_said_and_no_message_makes_it_sooner(world):
    assert await world.settle(raising(KeyError("layers"))) == Nak(2)
    world.bus.advance(world.bus.clock + 0.5)
    for _ in range(5):
        assert await world.settle(raising(KeyError("layers"))) == Nak(1.5)
        assert await world.settle(Played(lambda _: 1 / 0)) == Nak(1.5)
    assert (await world.reading()).attempt == 1


@pytest.mark.parametrize("trigger", [None, JOB], ids=["of an object's service", "of a job"])
async def test_a_bug_whose_last_refusal_was_not_told_is_refused_when_it_comes_again(world, trigger):
    answers = await answers_of(world, raising(KeyError("layers")), trigger, times=2)
    assert answers == [Nak(2), Nak(4)]
    world.plane.say = failing(Transient("publishing: TimeoutError"))
    with pytest.raises(Transient):
        await world.settle(raising(KeyError("layers")), trigger)
    del world.plane.say
    world.later()
    assert await world.settle(built_then(Done((PACKED,))), trigger) == Term(why="Bug: KeyError: 'layers'")


async def test_a_service_that_decides_for_ever_is_a_bug(world):
    service = always(Do(Build()))
    assert isinstance(await world.settle(service), Nak)
    assert service.done.count("perform Build") == MAX_STEPS


async def test_a_bug_whose_text_no_message_carries_is_cut(world):
    await world.settle(raising(ValueError("x" * 1_000_000)))
    reading = await world.reading()
    assert len(reading.error) == MAX_ERROR


async def test_a_bug_of_a_card_that_says_nothing_comes_again_for_ever_and_is_shown_after_its_third_time(world):
    service = Played(lambda _: 1 / 0, FOLDER)
    answers = [await world.settle(service, tries=tries) for tries in range(5)]
    assert [answer.delay for answer in answers] == [MAX_NAK] * 5
    assert [answer.why for answer in answers] == ["", "", *["Bug: ZeroDivisionError: division by zero"] * 3]
