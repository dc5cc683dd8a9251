"""The desk: how it keeps messages alive, learns what is over, and gives everything back at the end."""

import asyncio
import functools

import msgspec
import nats.errors
import pytest

from shale.contracts import streams, subjects
from shale.contracts.envelope import wrap
from shale.contracts.facts import Gone, StorageReady
from shale.runtime.decision import Do, Wait
from shale.testkit.office import Letter, Office, a_while, job
from shale.testkit.toys import ABOUT, declared


class Deaf(Letter):
    """A message whose connection is gone."""

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


async def test_all_messages_waiting_and_in_hand_are_kept_alive():
    office = Office(ack_wait=0.06)
    await office.plane.say(declared())
    letters = [job("0-a~1"), job("0-a~1", 2)]
    await office.put(letters[0])
    await office.put(letters[1])
    beating = asyncio.create_task(office.desk.beat())
    await asyncio.sleep(0.15)
    beating.cancel()
    assert all(letter.answers.count("beat") >= 2 for letter in letters)
    await office.finish()


async def test_pulses_that_hang_do_not_add_up():
    office = Office(ack_wait=0.03)
    await office.plane.say(declared())
    letters = [job(f"{number}-a~1") for number in range(4)]
    await office.put(*letters)
    for case in office.desk.busy.values():
        case.work.pulse = functools.partial(asyncio.sleep, 0.1)
    beating = asyncio.create_task(office.desk.beat())
    await asyncio.sleep(0.3)
    beating.cancel()
    assert all(letter.answers.count("beat") >= 2 for letter in letters)
    await office.finish()


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
    await office.desk.drain(0.05)
    assert letter.answers[-1] == "nak 0"
    reading = (await office.plane.last(ABOUT, "builder.0-a~1")).reading
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


async def test_a_drain_keeps_alive_what_is_in_hand():
    office = Office(ack_wait=0.03)
    await office.plane.say(declared())
    letter = job("0-a~1")
    await office.put(letter)
    draining = asyncio.create_task(office.desk.drain(5))
    await asyncio.sleep(0.1)
    office.service.let_go.set()
    await draining
    assert letter.answers.count("beat") >= 2


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
