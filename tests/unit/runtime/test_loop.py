"""settle(): every row of the house's table of answers, over a simulated bus."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.facts import (
    Declared,
    Gone,
    Held,
    ImageBuilt,
    LayerPacked,
    LayerRefused,
    Progressed,
    Refused,
    Released,
    StorageReady,
)
from shale.contracts.jobs import PackLayer
from shale.runtime.decision import Ask, Do, Done, DropJobs, Forget, Hold, Refuse, Say, Wait
from shale.runtime.loop import MAX_STEPS, settle
from shale.runtime.plane import Ack, Leave, Nak, Term
from shale.runtime.service import Card, Woken
from shale.runtime.told import Told
from shale.runtime.work import MAX_ATTEMPTS, MAX_ERROR, MAX_NAK, Work
from shale.testkit.plane import EPOCH, SimBus, SimPlane
from shale.testkit.toys import ABOUT, declared

CARD = Card(
    name="builder",
    does="",
    kinds=("modelversion",),
    hears=(Declared, Gone),
    takes=(PackLayer,),
    says=(ImageBuilt, Held, Released, Refused, StorageReady, Progressed),
    asks=(PackLayer,),
    ends=(ImageBuilt,),
)
FOLDER = Card(name="folder", does="", kinds=("modelversion",), hears=(Declared, Gone), folds=True)
LAYER = Layer("0-abc~1", "w", 1)
JOB = PackLayer(ABOUT, LAYER.part, "file:///w", "repo", LAYER)
BUILT = ImageBuilt(ABOUT, "image", "sha256:i", "sha256:m", ())
READY = StorageReady(ABOUT, "file:///w")
PACKED = LayerPacked(ABOUT, LAYER.part, PackedLayer("w", "weight", "sha256:a", 1))
WAIT = Wait("Packing", "12 of 37 layers packed", until=EPOCH + 86_400)
DOWN = Transient("registry.example: 503")


class Built(msgspec.Struct, frozen=True):
    """An effect of the service's own."""


class Played:
    """A service that plays what it is given; it keeps what it saw and did."""

    def __init__(
        self, decide: Callable[[Told], Any], card: Card = CARD, perform: Callable[..., Any] | None = None
    ) -> None:
        self.card, self._decide, self._perform = card, decide, perform
        self.done: list[str] = []

    async def observe(self, trigger, told: Told) -> Told:
        self.done.append(f"observe {trigger.about.generation}")
        return told

    def decide(self, trigger, seen):
        del trigger
        return self._decide(seen)

    async def perform(self, effect, seen, beat):
        self.done.append(f"perform {type(effect).__name__}")
        return self._perform(seen, beat) if self._perform else "built"

    async def release(self, about: About, told: Told) -> Released:
        del told
        self.done.append("release")
        return Released(about, "whatever it says", left=("image",))


class World:
    """A bus, and one service on it."""

    def __init__(self) -> None:
        self.bus = SimBus()
        self.plane = SimPlane(self.bus, "builder")

    async def settle(self, service, trigger=None, tries=0, work: Work | None = None):
        return await settle(service, work or Work(service.card, trigger or Woken(ABOUT), self.plane), tries)

    async def told(self, about: About = ABOUT) -> Told:
        told = await self.plane.told(about, 0, asked=True, readings=True)
        assert told is not None
        return told

    async def reading(self, part="builder") -> Progressed | None:
        return (await self.plane.last(ABOUT, part)).reading


@pytest.fixture
async def world() -> World:
    world = World()
    await world.plane.say(declared())
    return world


def always(decision):
    return Played(lambda _: decision)


def raising(error: BaseException, card: Card = CARD):
    def fail(*_):
        raise error

    return Played(lambda _: Do(Built()), card, perform=fail)


def built_then(decision):
    return Played(lambda seen: decision if isinstance(seen, str) else Do(Built()))


# --- the table of answers -------------------------------------------------------------------------------------------


async def test_do_performs_and_decides_again_until_done(world):
    service = built_then(Done((BUILT,)))
    assert await world.settle(service) == Ack()
    assert service.done == ["observe 1", "perform Built"]
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
    assert reading is not None
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
    answers = [await world.settle(raising(KeyError("layers"))) for _ in range(3)]
    assert answers == [Nak(2), Nak(4), Term(why="Bug: KeyError: 'layers'")]
    refused = (await world.told()).one(Refused)
    assert refused is not None
    assert refused.reason == "Bug"
    assert "KeyError: 'layers'" in refused.message


async def test_a_bug_in_decide_is_counted_as_one_in_perform(world):
    def wrong(_):
        raise ZeroDivisionError

    answers = [await world.settle(Played(wrong)) for _ in range(3)]
    assert [type(answer) for answer in answers] == [Nak, Nak, Term]


async def test_a_service_that_decides_for_ever_is_a_bug(world):
    service = always(Do(Built()))
    assert isinstance(await world.settle(service), Nak)
    assert service.done.count("perform Built") == MAX_STEPS


async def test_a_bug_whose_text_no_message_carries_is_cut(world):
    await world.settle(raising(ValueError("x" * 1_000_000)))
    reading = await world.reading()
    assert reading is not None
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
        service = Played(lambda _: Do(Built()), perform=lambda _, beat: beat.moved(1))
        assert await world.settle(service, work=work) == Nak(0)
    assert await world.settle(built_then(Done((PACKED,))), JOB) == Ack()


async def test_deaths_before_a_retry_stay_counted_after_it(world):
    await dies(world, JOB)
    await dies(world, JOB)
    await world.settle(raising(DOWN), JOB)
    reading = await world.reading(f"builder.{LAYER.part}")
    assert reading is not None
    assert (reading.state, reading.attempt) == ("Retrying", 3)


async def test_work_that_went_well_leaves_no_death_behind_for_the_next_trigger(world):
    for _ in range(MAX_ATTEMPTS + 2):
        assert await world.settle(built_then(Done((READY,)))) == Ack()
    reading = await world.reading()
    assert reading is not None
    assert (reading.state, reading.reason) == ("Waiting", "Idle")


# --- what the loop answers by itself --------------------------------------------------------------------------------


async def test_what_is_superseded_is_acked_and_nobody_is_asked(world):
    await world.plane.say(declared(ABOUT.at(2)))
    service = always(Done((BUILT,)))
    assert await world.settle(service) == Ack()
    assert service.done == []
    assert (await world.told()).one(ImageBuilt) is None


async def test_what_is_superseded_between_two_steps_goes_no_further(world):
    async def newer(effect, seen, beat):
        del effect, seen, beat
        await world.plane.say(declared(ABOUT.at(2)))
        return "built"

    service = built_then(Done((BUILT,)))
    service.perform = newer
    assert await world.settle(service) == Ack()
    assert (await world.told()).one(ImageBuilt) is None


async def test_what_was_already_told_is_acked_and_nobody_is_asked(world):
    await world.plane.say(BUILT)
    service = always(Done((BUILT,)))
    assert await world.settle(service) == Ack()
    assert service.done == []


async def test_a_message_whose_fact_was_purged_is_acked_and_nobody_is_asked(world):
    sequence = await world.plane.say(READY)
    await world.plane.forget(ABOUT, None)
    service = always(Done((BUILT,)))
    assert await world.settle(service, Woken(ABOUT, sequence)) == Ack()
    assert service.done == []


async def test_what_is_gone_is_released_by_who_holds_it_and_released_is_said_of_the_whole(world):
    await world.plane.hold(Held(ABOUT.whole(), "builder"))
    await world.plane.say(Gone(ABOUT))
    service = always(Done((BUILT,)))
    assert await world.settle(service) == Ack()
    assert service.done == ["release"]
    assert (await world.told()).one(Released) == Released(ABOUT.whole(), "builder", left=("image",))


async def test_what_is_gone_and_not_held_is_acked(world):
    await world.plane.say(Gone(ABOUT))
    service = always(Do(Built()))
    assert await world.settle(service) == Ack()
    assert service.done == []


async def test_a_release_that_fails_for_a_while_comes_again(world):
    async def fail(about, told):
        del about, told
        raise Transient("registry.example: 503")

    await world.plane.hold(Held(ABOUT.whole(), "builder"))
    await world.plane.say(Gone(ABOUT))
    service = always(Done())
    service.release = fail
    assert isinstance(await world.settle(service), Nak)
    assert (await world.told()).holders == ("builder",)


# --- the runtime's own effects --------------------------------------------------------------------------------------


async def test_ask_asks_and_is_seen_by_the_next_decision(world):
    service = Played(lambda seen: Done() if seen.is_asked(PackLayer, LAYER.part) else Do(Ask((JOB,))))
    assert await world.settle(service) == Ack()
    assert service.done == ["observe 1", "observe 1"]


async def test_say_says_and_is_seen_by_the_next_decision(world):
    service = Played(lambda seen: Done() if seen.one(StorageReady) else Do(Say((READY,))))
    assert await world.settle(service) == Ack()


async def test_hold_says_held_of_the_whole_object(world):
    service = Played(lambda seen: Done() if seen.holders else Do(Hold()))
    assert await world.settle(service) == Ack()
    assert (await world.told()).one(Held) == Held(ABOUT.whole(), "builder")


async def test_hold_of_what_went_meanwhile_ends_the_trigger_without_effect(world):
    service = Played(lambda _: Do(Hold()))

    async def goes(trigger, told):
        del trigger
        await world.plane.say(Gone(ABOUT))
        return told

    service.observe = goes
    assert await world.settle(service) == Ack()
    assert (await world.told()).holders == ()


async def test_drop_jobs_takes_the_jobs_back(world):
    await world.plane.ask(JOB)
    service = Played(lambda seen: Do(DropJobs()) if seen.asked else Done())
    assert await world.settle(service) == Ack()
    assert (await world.told()).asked == frozenset()


async def test_forget_purges_the_uid_of_what_is_gone(world):
    await world.plane.say(Gone(ABOUT))
    service = Played(lambda seen: Do(Forget()) if len(seen.said) > 1 else Done(), FOLDER)
    assert await world.settle(service) == Ack()
    assert [type(said.fact) for said in (await world.told()).said] == [Gone]


async def test_a_card_that_folds_is_led_to_the_newest_generation(world):
    await world.plane.say(declared(ABOUT.at(2)))
    service = Played(lambda _: Done(), FOLDER)
    await world.settle(service, Woken(ABOUT))
    assert service.done == ["observe 2"]


# --- work that is told to stop --------------------------------------------------------------------------------------


def stopped(cause) -> Played:
    def stop(_, beat):
        beat.stop(cause)
        beat.moved(1)

    return Played(lambda _: Do(Built()), perform=stop)


async def test_a_lost_part_is_left_with_neither_ack_nor_nak(world):
    assert await world.settle(stopped("lost"), JOB) == Leave()


async def test_work_that_is_over_is_acked_when_the_levels_say_so_too(world):
    service = stopped("over")

    async def gone_meanwhile(trigger, told):
        del trigger
        await world.plane.say(Gone(ABOUT))
        return told

    service.observe = gone_meanwhile
    assert await world.settle(service, JOB) == Ack()


async def test_work_that_is_called_over_by_mistake_comes_again(world):
    assert await world.settle(stopped("over"), JOB) == Nak(1)


async def test_work_that_is_handed_over_comes_at_once_and_says_so(world):
    assert await world.settle(stopped("handed over"), JOB) == Nak(0)
    reading = await world.reading(f"builder.{LAYER.part}")
    assert reading is not None
    assert reading.state == "Retrying"
