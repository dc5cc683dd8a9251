"""Dead letters on a real server: read, dropped, replayed; nothing is doubled, and a replay cut short is repeated."""

from __future__ import annotations

import pytest

from shale.contracts import streams, subjects
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.envelope import wrap
from shale.contracts.facts import Fact, Gone, Held, LayerPacked, LayerRefused, Progressed, StorageReady
from shale.contracts.jobs import PackLayer
from shale.runtime.bus import deadletters, replay
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.dead import bury
from shale.runtime.bus.deadletters import DeadLetter
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.levels import read
from shale.testkit.toys import ABOUT, declared

pytestmark = pytest.mark.real_nats

PART = "0-abc~1"
JOB = PackLayer(ABOUT, PART, "file:///w", "repo", Layer(PART, "w", 1))
READY = StorageReady(ABOUT, "file:///w")
PACKED = LayerPacked(ABOUT, PART, PackedLayer("w", "weight", "sha256:a", 1))


async def buried(bus: Bus, stream: str, subject: str, why: str = "Bug: boom", service: str = "builder") -> DeadLetter:
    """Give up the message that lies there, as a service does: copied, then ended, which takes only work out."""
    pull = await bus.stream.pull_subscribe(subject, stream=stream)  # pyright: ignore[reportUnknownMemberType]
    [message] = await pull.fetch(1, timeout=10)
    await bury(bus, message, service, why)
    await message.term()
    await bus.api(f"CONSUMER.DELETE.{stream}.{(await pull.consumer_info()).name}", {})
    return [one async for one in deadletters.letters(bus)][-1]


async def taken(bus: Bus, stream: str, subject: str) -> None:
    """Take a message out of its stream, as the burial of a fact does that cannot be decoded."""
    await bus.api(f"STREAM.PURGE.{stream}", {"filter": subject})


async def lies(bus: Bus, stream: str, subject: str) -> int:
    """How many messages lie on a subject."""
    info = await bus.api(f"STREAM.INFO.{stream}", {"subjects_filter": subject})
    return (info["state"].get("subjects") or {}).get(subject, 0)


async def said(bus: Bus) -> list[Fact]:
    """What is said of the toy."""
    return [one.fact for one in (await read(bus, streams.FACTS.name, subjects.levels(ABOUT))).said]


async def given_up(bus: Bus, plane: JetPlane) -> DeadLetter:
    """A job that was given up, and whose end nobody told."""
    await plane.say(declared())
    await plane.ask(JOB)
    return await buried(bus, streams.JOBS.name, subjects.of_job(JOB))


async def test_a_letter_says_what_was_given_up_by_whom_and_why(real_bus: Bus, real_plane: JetPlane) -> None:
    letter = await given_up(real_bus, real_plane)
    assert (letter.service, letter.why, letter.subject) == ("builder", "Bug: boom", subjects.of_job(JOB))
    assert letter.read() == JOB
    assert letter.about == ABOUT
    assert letter.time.endswith("Z")
    found = await deadletters.find(real_bus, letter.id)
    assert found is not None
    assert (found.id, found.data, found.why, found.subject) == (letter.id, letter.data, letter.why, letter.subject)


async def test_more_letters_than_fit_into_one_batch_are_listed_in_their_order(real_bus: Bus) -> None:
    for number in range(2 * deadletters.BATCH + 3):
        await real_bus.publish(f"shale.dead.X.{number}", b"{}", {"Shale-Dead-Why": f"w{number}"})
    found = [one async for one in deadletters.letters(real_bus)]
    assert [one.why for one in found] == [f"w{number}" for number in range(2 * deadletters.BATCH + 3)]


async def test_a_letter_is_dropped_once(real_bus: Bus, real_plane: JetPlane) -> None:
    letter = await given_up(real_bus, real_plane)
    assert await deadletters.drop(real_bus, letter.id)
    assert not await deadletters.drop(real_bus, letter.id)
    assert await deadletters.find(real_bus, letter.id) is None
    assert [one async for one in deadletters.letters(real_bus)] == []


async def test_a_job_is_asked_again_on_its_own_subject_and_its_letter_goes(real_bus: Bus, real_plane: JetPlane) -> None:
    letter = await given_up(real_bus, real_plane)
    done = await replay.replay(real_bus, letter)
    assert done.went
    assert "asked again" in done.line
    assert await lies(real_bus, streams.JOBS.name, subjects.of_job(JOB)) == 1
    assert await deadletters.find(real_bus, letter.id) is None


async def test_a_replay_that_was_cut_short_is_repeated_and_doubles_nothing(real_bus: Bus, real_plane: JetPlane) -> None:
    letter = await given_up(real_bus, real_plane)
    await real_plane.ask(JOB)  # as far as the cut-off replay came
    again = await replay.replay(real_bus, letter)
    assert again.went
    assert "asked already" in again.line
    assert await lies(real_bus, streams.JOBS.name, subjects.of_job(JOB)) == 1
    assert await deadletters.find(real_bus, letter.id) is None


async def test_the_replay_of_a_letter_that_another_replayed_is_no_error(real_bus: Bus, real_plane: JetPlane) -> None:
    letter = await given_up(real_bus, real_plane)
    await replay.replay(real_bus, letter)
    assert (await replay.replay(real_bus, letter)).went
    assert await lies(real_bus, streams.JOBS.name, subjects.of_job(JOB)) == 1


async def test_a_part_that_was_packed_meanwhile_is_not_asked_for(real_bus: Bus, real_plane: JetPlane) -> None:
    letter = await given_up(real_bus, real_plane)
    await real_plane.say(PACKED)
    done = await replay.replay(real_bus, letter)
    assert done.went
    assert "done already" in done.line
    assert await lies(real_bus, streams.JOBS.name, subjects.of_job(JOB)) == 0


async def test_a_part_that_was_refused_meanwhile_says_so_and_keeps_its_letter(
    real_bus: Bus, real_plane: JetPlane
) -> None:
    letter = await given_up(real_bus, real_plane)
    await real_plane.say(LayerRefused(ABOUT, PART, "Bug", "boom"))
    done = await replay.replay(real_bus, letter)
    assert not done.went
    assert "refused meanwhile (Bug: boom)" in done.line
    assert await lies(real_bus, streams.JOBS.name, subjects.of_job(JOB)) == 0
    assert await deadletters.find(real_bus, letter.id) == letter


async def test_a_fact_that_was_buried_out_of_the_way_is_said_again_under_its_fence(
    real_bus: Bus, real_plane: JetPlane
) -> None:
    await real_plane.say(declared())
    await JetPlane(real_bus, "storage-provisioner").say(READY)
    letter = await buried(real_bus, streams.FACTS.name, subjects.of_fact(READY))
    await taken(real_bus, streams.FACTS.name, subjects.of_fact(READY))
    done = await replay.replay(real_bus, letter)
    assert done.went
    assert "said again" in done.line
    assert READY in await said(real_bus)
    message = await real_bus.stream.get_last_msg(streams.FACTS.name, subjects.of_fact(READY))
    assert b"/shale/storage-provisioner" in (message.data or b""), "it is still the word of who said it first"


async def test_a_fact_that_is_there_is_not_said_twice_but_who_gave_it_up_is_woken(
    real_bus: Bus, real_plane: JetPlane
) -> None:
    await real_plane.say(declared())
    sequence = await real_plane.say(READY)
    letter = await buried(real_bus, streams.FACTS.name, subjects.of_fact(READY), service="scribe")
    done = await replay.replay(real_bus, letter)
    assert done.went
    assert "scribe looks again" in done.line
    assert (await real_bus.stream.get_last_msg(streams.FACTS.name, subjects.of_fact(READY))).seq == sequence
    assert await lies(real_bus, streams.TICKS.name, subjects.of_tick("scribe", ABOUT)) == 1


async def test_a_fact_in_whose_place_another_was_told_is_not_said(real_bus: Bus, real_plane: JetPlane) -> None:
    await real_plane.say(declared())
    await real_plane.say(READY)
    letter = await buried(real_bus, streams.FACTS.name, subjects.of_fact(READY))
    await taken(real_bus, streams.FACTS.name, subjects.of_fact(READY))
    other = StorageReady(ABOUT, "file:///other")
    await real_plane.say(other)
    done = await replay.replay(real_bus, letter)
    assert not done.went
    assert "the first one counts" in done.line
    assert READY not in await said(real_bus)


async def test_what_would_be_held_of_the_gone_is_not_held(real_bus: Bus, real_plane: JetPlane) -> None:
    held = Held(ABOUT.whole(), "builder")
    await real_plane.say(declared())
    await real_plane.hold(held)
    letter = await buried(real_bus, streams.FACTS.name, subjects.of_fact(held))
    await taken(real_bus, streams.FACTS.name, subjects.of_fact(held))
    await real_plane.say(Gone(ABOUT))
    done = await replay.replay(real_bus, letter)
    assert done.went
    assert "is gone" in done.line
    assert held not in await said(real_bus)


async def test_a_tick_and_a_reading_wake_who_gave_them_up(real_bus: Bus, real_plane: JetPlane) -> None:
    await real_plane.say(declared())
    reading = Progressed(ABOUT, "builder", "Waiting")
    await real_bus.publish(subjects.of_fact(reading), wrap(reading, "builder", 0, seq=1))
    letter = await buried(real_bus, streams.NOW.name, subjects.of_fact(reading), service="scribe")
    assert "scribe looks again" in (await replay.replay(real_bus, letter)).line
    tick = subjects.of_tick("scribe", ABOUT)
    second = await buried(real_bus, streams.TICKS.name, tick, service="scribe")
    assert (await replay.replay(real_bus, second)).went
    assert await lies(real_bus, streams.TICKS.name, tick) == 1


async def test_what_cannot_be_decoded_is_shown_by_its_subject_and_stays(real_bus: Bus, real_plane: JetPlane) -> None:
    await real_plane.say(declared())
    for stream, subject in ((streams.FACTS, subjects.of_fact(READY)), (streams.JOBS, subjects.of_job(JOB))):
        await real_bus.publish(subject, b"not json")
        letter = await buried(real_bus, stream.name, subject)
        assert letter.about is not None
        assert letter.about.uid == ABOUT.uid
        done = await replay.replay(real_bus, letter)
        assert not done.went
        assert "update Shale" in done.line
        assert await deadletters.find(real_bus, letter.id) == letter


async def test_a_letter_of_somebodys_newer_word_is_not_guessed_at(real_bus: Bus, real_plane: JetPlane) -> None:
    await real_plane.say(declared())
    newer = wrap(READY, "test", 0).replace(b"storage-ready.v1", b"storage-moved.v1")
    await real_bus.publish(subjects.of_fact(READY), newer)
    letter = await buried(real_bus, streams.FACTS.name, subjects.of_fact(READY))
    done = await replay.replay(real_bus, letter)
    assert not done.went
    assert "storage-moved.v1 is not known here" in done.line
