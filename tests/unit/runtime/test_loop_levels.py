"""settle(): what it answers by itself, the effects that it performs itself, and work that is told to stop."""

import itertools

import pytest

from shale.contracts.errors import Transient
from shale.contracts.facts import Gone, Held, ImageBuilt, Refused, Released, StorageReady
from shale.contracts.jobs import PackLayer
from shale.runtime import loop
from shale.runtime.decision import Ask, Do, Done, DropJobs, Forget, Hold, Look, Say
from shale.runtime.plane import Ack, Leave, Nak
from shale.runtime.service import Woken
from shale.testkit.played import BUILT, FOLDER, JOB, LAYER, READY, Build, Played, World, always, built_then
from shale.testkit.toys import ABOUT, ALL, declared


@pytest.fixture
async def world() -> World:
    world = World()
    await world.plane.say(declared())
    return world


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
    await world.plane.forget(ABOUT, ALL)
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
    service = always(Do(Build()))
    assert await world.settle(service) == Ack()
    assert service.done == []


async def test_a_release_that_fails_for_a_while_comes_again(world):
    async def fail(about, told):
        del about, told
        raise Transient("registry.example: 503")

    await world.plane.hold(Held(ABOUT.whole(), "builder"))
    await world.plane.say(gone := Gone(ABOUT.at(2)))
    service = always(Done())
    service.release = fail
    assert isinstance(await world.settle(service, gone), Nak)
    assert (await world.told()).holders == ("builder",)
    said = await world.reading()
    assert (said.about, said.state, said.message) == (ABOUT, "Retrying", "registry.example: 503")


@pytest.mark.parametrize("decision", [Do(Look()), Done()], ids=["who must look again", "who would be done"])
async def test_a_world_that_changes_faster_than_it_is_looked_at_is_no_bug(world, monkeypatch, decision):
    monkeypatch.setattr(loop, "LOOK_PAUSE", 0)
    service, facts = Played(lambda _: decision, FOLDER), itertools.count()

    async def changes(trigger, told):
        del trigger
        await world.plane.say(Refused(ABOUT, f"x{next(facts)}", "R", "m"))
        return told

    service.observe = changes
    answer = await world.settle(service)
    assert isinstance(answer, Nak)
    assert answer.delay <= 1, "not the minute of a bug"


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
    service = Played(lambda seen: Do(Forget(seen.up_to)) if len(seen.said) > 1 else Done(), FOLDER)
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

    return Played(lambda _: Do(Build()), perform=stop)


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
    assert reading.state == "Retrying"
