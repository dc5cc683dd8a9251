"""The desk: what waits and what is worked on, with messages that keep what was answered to them."""

import asyncio
import functools
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import nats.errors
import pytest

from shale.contracts import streams, subjects
from shale.contracts.artifact import Layer
from shale.contracts.envelope import wrap
from shale.contracts.errors import Transient
from shale.contracts.facts import Gone, Held, LayerPacked, Progressed, Refused, StorageReady
from shale.contracts.jobs import PackLayer
from shale.runtime.bus.desk import Desk
from shale.runtime.decision import Do, Done, Wait
from shale.runtime.service import Card
from shale.testkit.plane import SimBus, SimPlane
from shale.testkit.toys import ABOUT, declared

CARD = Card(
    name="builder",
    does="",
    kinds=("modelversion",),
    hears=(StorageReady, Gone),
    takes=(PackLayer,),
    says=(Progressed, LayerPacked),
    concurrency=4,
)


class Letter:
    """A message of JetStream's: it keeps what was answered to it."""

    def __init__(self, stream: str, subject: str, data: bytes, sequence: int = 1, delivered: int = 1) -> None:
        self.subject, self.data, self.headers = subject, data, None
        place = SimpleNamespace(stream=sequence, consumer=sequence)
        self.metadata = SimpleNamespace(stream=stream, sequence=place, num_delivered=delivered)
        self.answers: list[str] = []

    async def ack(self) -> None:
        self.answers.append("ack")

    async def nak(self, delay: float | None = None) -> None:
        self.answers.append("nak" if delay is None else f"nak {delay:g}")

    async def term(self) -> None:
        self.answers.append("term")

    async def in_progress(self) -> None:
        self.answers.append("beat")


class Deaf(Letter):
    """A message whose connection is gone."""

    async def nak(self, delay: float | None = None) -> None:
        del delay
        raise nats.errors.ConnectionClosedError

    async def in_progress(self) -> None:
        raise nats.errors.ConnectionClosedError


class Post:
    """As much of the bus as the dead letters need."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.down = False

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> object:
        del payload
        return self._send(subject, headers)

    async def api(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        self._send(subject, body)
        return {}

    def _send(self, subject: str, what: Any) -> None:
        if self.down:
            raise Transient("publishing: TimeoutError")
        self.sent.append((subject, what))


class Slow:
    """A service that observes until it is let go; it keeps what woke it, and how many it had at once."""

    def __init__(self, card: Card = CARD) -> None:
        self.card = card
        self.woken: list[Any] = []
        self.at_once = self.most = 0
        self.let_go = asyncio.Event()
        self.answer: Any = Done()

    async def observe(self, trigger, told):
        self.woken.append(trigger)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.let_go.wait()
        finally:
            self.at_once -= 1
        return told

    def decide(self, trigger, seen):
        del trigger, seen
        return self.answer

    async def perform(self, effect, seen, beat):
        del effect
        while True:
            await asyncio.sleep(0)
            beat.moved(beat.bytes_done + 1)
            seen = seen or ()

    async def release(self, about, told):
        raise NotImplementedError


class Office:
    """A desk, its bus, its service."""

    def __init__(self, ack_wait: float = 30, card: Card = CARD) -> None:
        self.bus, self.post, self.service = SimBus(), Post(), Slow(card)
        self.plane = SimPlane(self.bus, "builder")
        self.desk = Desk(cast("Any", self.post), self.plane, cast("Any", self.service), ack_wait=ack_wait)

    async def fact(self, fact) -> Letter:
        """Say a fact, and return the message of it."""
        sequence = await self.plane.say(fact)
        return Letter(streams.FACTS.name, subjects.of_fact(fact), wrap(fact, "test", 0), sequence)

    async def put(self, *letters: Letter) -> None:
        await self.desk.put(cast("Any", list(letters)))
        await settled()

    async def finish(self) -> None:
        self.service.let_go.set()
        await self.desk._idle(5)  # noqa: SLF001 (a test may look behind a door)
        await settled()


async def settled() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


def job(part: str, delivered: int = 1) -> Letter:
    asked = PackLayer(ABOUT, part, "file:///w", "repo", Layer(part, "w", 1))
    return Letter(streams.JOBS.name, subjects.of_job(asked), wrap(asked, "test", 0), delivered=delivered)


def failing(error: Exception):
    async def fail(*_) -> None:
        raise error

    return fail


def about(uid: str):
    return msgspec.structs.replace(ABOUT, uid=uid)


@pytest.fixture
async def office() -> Office:
    office = Office()
    await office.plane.say(declared())
    return office


# --- coalescing and order


async def test_messages_of_one_object_are_settled_together_and_all_acked(office):
    letters = [await office.fact(StorageReady(ABOUT, "u")), await office.fact(Held(ABOUT.whole(), "x"))]
    await office.put(*letters)
    await office.finish()
    assert len(office.service.woken) == 1
    assert [letter.answers for letter in letters] == [["ack"], ["ack"]]


async def test_what_is_settled_together_is_read_as_new_as_the_newest_of_it(office):
    ready = await office.fact(StorageReady(ABOUT, "u"))
    whole = await office.fact(Held(ABOUT.whole(), "x"))
    await office.put(whole, ready)
    [woken] = office.service.woken
    assert (woken.about, woken.sequence) == (ABOUT, whole.metadata.sequence.stream)
    await office.finish()


async def test_the_newest_wish_among_the_messages_is_what_is_looked_at(office):
    newer = await office.fact(declared(ABOUT.at(2)))
    await office.put(newer, await office.fact(StorageReady(ABOUT, "u")))
    assert [trigger.about.generation for trigger in office.service.woken] == [2]
    await office.finish()


async def test_a_message_that_comes_while_its_object_is_in_hand_is_settled_afterwards(office):
    first, second = await office.fact(StorageReady(ABOUT, "u")), await office.fact(Held(ABOUT.whole(), "x"))
    await office.put(first)
    await office.put(second)
    assert len(office.service.woken) == 1
    await office.finish()
    await settled()
    assert first.answers == second.answers == ["ack"]
    assert office.service.most == 1


async def test_one_object_is_settled_serially_and_different_ones_in_parallel(office):
    for uid in ("uid-2", "uid-3"):
        await office.plane.say(declared(about(uid)))
    await office.put(*[await office.fact(StorageReady(about(uid), "u")) for uid in ("uid-1", "uid-2", "uid-3")])
    assert office.service.most == 3
    await office.finish()


async def test_jobs_of_one_object_are_worked_on_in_parallel_up_to_the_cards_hands(office):
    await office.put(*[job(f"{number}-a~1") for number in range(6)])
    assert office.service.most == CARD.concurrency
    assert office.desk.room(jobs=True) <= 0
    await office.finish()
    await settled()
    await office.finish()
    assert len(office.service.woken) == 6


async def test_a_job_that_is_delivered_again_while_in_hand_is_not_worked_on_twice_at_once(office):
    await office.put(job("0-a~1"))
    await office.put(job("0-a~1", delivered=2))
    assert office.service.most == 1
    await office.finish()


# --- answers


async def test_of_messages_settled_together_only_the_newest_comes_again(office):
    office.service.observe = failing(Transient("503", after=7))
    letters = [await office.fact(StorageReady(ABOUT, "u")), await office.fact(Refused(ABOUT, "other", "R", "m"))]
    await office.put(*letters)
    assert [letter.answers for letter in letters] == [["ack"], ["nak 7"]]


async def test_what_is_given_up_is_a_dead_letter_before_it_is_ended(office):
    office.service.observe = failing(KeyError("x"))
    for delivered in (1, 2):
        await office.put(job("0-a~1", delivered))
    last = job("0-a~1", 3)
    await office.put(last)
    assert last.answers == ["term"]
    [(subject, headers)] = office.post.sent
    assert subject == "shale.dead.SHALE_JOBS.1"
    assert headers["Shale-Dead-Why"] == "Bug: KeyError: 'x'"


async def test_what_cannot_be_buried_is_not_ended_and_comes_again(office):
    office.service.observe = failing(KeyError("x"))
    for delivered in (1, 2):
        await office.put(job("0-a~1", delivered))
    office.post.down = True
    last = job("0-a~1", 3)
    await office.put(last)
    assert last.answers == []
    assert office.desk.busy == {}


async def test_what_is_of_another_kind_is_acked_unread(office):
    other = msgspec.structs.replace(ABOUT, kind="model")
    letter = await office.fact(Gone(other))
    await office.put(letter)
    assert letter.answers == ["ack"]
    assert office.service.woken == []


async def test_a_fact_that_cannot_be_decoded_is_buried_and_deleted(office):
    subject = subjects.of_fact(StorageReady(ABOUT, "u"))
    letter = Letter(streams.FACTS.name, subject, b'{"no":"envelope"}', 7)
    await office.put(letter)
    assert letter.answers == ["term"]
    assert office.post.sent[-1] == ("STREAM.MSG.DELETE.SHALE_FACTS", {"seq": 7})


async def test_what_cannot_be_decoded_nor_buried_just_now_hinders_nothing_beside_it(office):
    office.post.down = True
    bad = Letter(streams.FACTS.name, subjects.of_fact(StorageReady(ABOUT, "u")), b"{}", 7)
    good = await office.fact(StorageReady(ABOUT, "u"))
    await office.put(bad, good)
    await office.finish()
    assert (bad.answers, good.answers) == ([], ["ack"])


async def test_a_fact_of_a_newer_word_wakes_and_is_acked(office):
    newer = wrap(StorageReady(ABOUT, "u"), "test", 0).replace(b"storage-ready", b"storage-moved")
    letter = Letter(streams.FACTS.name, subjects.of_fact(StorageReady(ABOUT, "u")), newer, 1)
    await office.put(letter)
    await office.finish()
    assert letter.answers == ["ack"]


async def test_a_tick_wakes_for_its_object(office):
    letter = Letter(streams.TICKS.name, subjects.of_tick("builder", ABOUT), msgspec.json.encode(ABOUT))
    await office.put(letter)
    await office.finish()
    assert [trigger.about for trigger in office.service.woken] == [ABOUT]


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
    await settled()
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
    await asyncio.wait_for(office.desk.drain(0.05), 5)


async def test_waits_of_a_job_nak_it_for_as_long_as_they_wait(office):
    office.service.let_go.set()
    office.service.answer = Wait("Quiet", "nothing yet", until=office.plane.now() + 30)
    letter = job("0-a~1")
    await office.put(letter)
    assert letter.answers == ["nak 30"]
