"""The desk: how it keeps messages alive, learns what is over, and gives everything back at the end."""

import asyncio
import contextlib
from typing import Any

import msgspec
import nats.errors
import pytest

from shale.contracts import streams, subjects
from shale.contracts.envelope import wrap
from shale.contracts.facts import Gone, Progressed, StorageReady
from shale.runtime.bus import desk
from shale.runtime.decision import Do, Wait
from shale.testkit.office import Letter, Office, a_while, job
from shale.testkit.soon import soon
from shale.testkit.toys import ABOUT, declared


class Deaf(Letter):
    """A message whose connection is closed."""

    async def nak(self, delay: float | None = None) -> None:
        del delay
        raise nats.errors.ConnectionClosedError

    async def in_progress(self) -> None:
        raise nats.errors.ConnectionClosedError


def about(uid: str):
    return msgspec.structs.replace(ABOUT, uid=uid)


@pytest.fixture
async def office() -> Office:
    office = Office()
    await office.plane.say(declared())
    return office


# --- heartbeat, ears, drain


@contextlib.asynccontextmanager
async def beating(office: Office):
    """Let the desk beat."""
    task = asyncio.create_task(office.desk.beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def for_ever(*_: Any, **__: Any) -> Any:
    """Never end."""
    await asyncio.Event().wait()


async def said(office: Office) -> Progressed:
    """What was said of the job last."""
    reading = (await office.plane.last(ABOUT, "builder.0-a~1")).reading
    assert reading is not None
    return reading


def beats(*letters: Letter) -> int:
    """How often all of these were kept alive."""
    return min(letter.answers.count("beat") for letter in letters)


async def quick() -> Office:
    """An office with a quick heartbeat, whose object is declared."""
    office = Office(ack_wait=0.06)
    await office.plane.say(declared())
    return office


async def test_all_messages_waiting_and_in_hand_are_kept_alive():
    office = await quick()
    letters = [job("0-a~1"), job("0-a~1", 2)]
    await office.put(letters[0])
    await office.put(letters[1])
    async with beating(office):
        await soon(lambda: beats(*letters) >= 2)
    await office.finish()


async def test_readings_that_hang_keep_no_heartbeat_waiting():
    office = await quick()
    letters = [job(f"{number}-a~1") for number in range(4)]
    await office.put(*letters)
    for case in office.desk.busy.values():
        case.work.pulse = for_ever
    async with beating(office):
        await soon(lambda: beats(*letters) >= 3)
    await office.finish()


async def test_who_is_at_work_repeats_it_though_nothing_moves():
    office = await quick()
    office.service.let_go.set()
    office.service.answer = Do("pack")
    office.service.perform = for_ever
    await office.put(job("0-a~1"))
    async with beating(office):
        await soon(lambda: office.bus.now.last >= 4)
    reading = await said(office)
    assert (reading.state, reading.attempt, reading.bytes_done) == ("Working", 1, 0)
    await office.desk.drain(0.01)


# --- when the heartbeat fails


async def test_work_whose_heartbeats_fail_stops_and_is_neither_acked_nor_naked():
    office = await quick()
    office.service.let_go.set()
    office.service.answer = Do("pack")
    letter, waiting = job("0-a~1"), job("0-a~1", 2)
    await office.put(letter)
    await office.put(waiting)
    office.post.is_connected = False
    async with beating(office):
        await soon(lambda: not office.desk.busy and not office.desk.waiting)
    assert not {"ack", "term", "nak", "nak 0"} & {*letter.answers, *waiting.answers}
    reading = await said(office)
    assert (reading.state, reading.attempt) == ("Retrying", 1), "it did not die of its input"


async def test_one_heartbeat_that_fails_stops_nothing():
    office = await quick()
    letter = job("0-a~1")
    await office.put(letter)
    [case] = office.desk.busy.values()
    failed = 0

    async def flaky() -> None:
        nonlocal failed
        letter.answers.append("beat")
        if letter.answers.count("beat") % 2:
            failed += 1
            raise nats.errors.ConnectionClosedError

    letter.in_progress = flaky
    async with beating(office):
        await soon(lambda: failed >= 3)
    assert case.work.beat.cause == ""
    await office.finish()


async def test_work_that_heard_of_no_stop_and_ends_all_the_same_is_not_acked_once_it_may_be_anothers(office):
    letter = job("0-a~1")
    await office.put(letter)
    [case] = office.desk.busy.values()
    case.work.beat.stop("lost")
    office.service.let_go.set()
    await soon(lambda: not office.desk.busy)
    assert letter.answers == []


@pytest.mark.parametrize(
    ("fact", "stops"),
    [
        pytest.param(Gone(ABOUT), True, id="work for what is gone is stopped"),
        pytest.param(declared(ABOUT.at(2)), True, id="work for an older wish is stopped"),
        pytest.param(declared(), False, id="work for this very wish goes on"),
        pytest.param(Gone(about("uid-2")), False, id="the end of another object stops nothing"),
        pytest.param(StorageReady(ABOUT, "u"), False, id="any other word stops nothing"),
    ],
)
async def test_hearing(office, fact, stops):
    await office.put(job("0-a~1"))
    [case] = office.desk.busy.values()
    await office.desk.hear(Letter("", subjects.of_fact(fact), wrap(fact, "test", 0)))
    assert (case.work.beat.cause == "over") == stops
    await office.finish()


async def test_an_end_that_is_told_on_anothers_subject_stops_nothing(office):
    await office.put(job("0-a~1"))
    [case] = office.desk.busy.values()
    await office.desk.hear(Letter("", subjects.of_gone("uid-2"), wrap(Gone(ABOUT), "x", 0)))
    assert case.work.beat.cause == ""
    await office.finish()


async def test_a_drain_gives_back_what_waits_and_lets_short_work_end(office):
    first, second = job("0-a~1"), job("0-a~1", 2)
    await office.put(first)
    await office.put(second)
    draining = asyncio.create_task(office.desk.drain(5))
    await a_while()
    office.service.let_go.set()
    await draining
    assert "ack" in first.answers
    assert second.answers == ["nak"]


async def test_a_drain_hands_long_work_over_at_once(office):
    office.service.let_go.set()
    office.service.answer = Do("pack")
    letter = job("0-a~1")
    await office.put(letter)
    await office.desk.drain(1)
    assert letter.answers[-1] == "nak 0"
    reading = await said(office)
    assert (reading.state, reading.attempt) == ("Retrying", 1)


async def test_a_drain_lets_go_of_work_that_does_not_stop_and_counts_no_death(office):
    async def hang(*_):
        await asyncio.sleep(60)

    office.service.let_go.set()
    office.service.answer, office.service.perform = Do("pack"), hang
    letter = job("0-a~1")
    await office.put(letter)
    await office.desk.drain(0.02)
    assert office.desk.busy == {}
    assert "ack" not in letter.answers
    assert (await office.plane.last(ABOUT, "builder.0-a~1")).reading.state == "Retrying"


async def test_a_drain_takes_its_grace_once_and_waits_for_no_bus_that_is_silent(office, monkeypatch):
    waited: list[float] = []

    async def idle(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(desk, "LAST_WORDS", 0.01)
    monkeypatch.setattr(office.desk, "_idle", idle)
    await office.put(job("0-a~1"))
    [case] = office.desk.busy.values()
    case.work.rests = for_ever
    await asyncio.wait_for(office.desk.drain(5), 60)
    assert waited == [2.5, 2.5, 0.01]
    await office.finish()


async def test_a_drain_keeps_alive_what_is_in_hand():
    office = await quick()
    letter = job("0-a~1")
    await office.put(letter)
    draining = asyncio.create_task(office.desk.drain(60))
    await soon(lambda: beats(letter) >= 2)
    office.service.let_go.set()
    await draining


async def test_a_stop_is_heard_before_the_next_effect_begins(office):
    letter = job("0-a~1")
    office.service.answer = Do("pack")
    await office.put(letter)
    draining = asyncio.create_task(office.desk.drain(0.01))
    await soon(lambda: letter.answers or all(one.work.beat.cause for one in office.desk.busy.values()))
    office.service.let_go.set()
    await draining
    assert (await office.plane.last(ABOUT, "builder.0-a~1")).reading is None, "it did not even begin"


async def test_a_drain_without_a_connection_still_ends(office):
    await office.put(job("0-a~1"))
    waiting = job("0-a~1", 2)
    deaf = Deaf(streams.JOBS.name, waiting.subject, waiting.data)
    await office.put(deaf)
    office.service.let_go.set()
    await asyncio.wait_for(office.desk.drain(0.05), 60)


async def test_waits_of_a_job_nak_it_for_as_long_as_they_wait(office):
    office.service.let_go.set()
    office.service.answer = Wait("Quiet", "nothing yet", until=office.plane.now() + 30)
    letter = job("0-a~1")
    await office.put(letter)
    assert letter.answers == ["nak 30"]
