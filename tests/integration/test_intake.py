"""From a real server's durables to the desk: consumers that go and come, two on one durable, strange words."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import pytest

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.artifact import Layer
from shale.contracts.envelope import wrap
from shale.contracts.facts import Declared, LayerPacked, LayerRefused, Progressed, Released, StorageReady
from shale.contracts.jobs import PackLayer
from shale.runtime.beat import Beat
from shale.runtime.bus import intake
from shale.runtime.bus.connection import Bus, connected
from shale.runtime.bus.desk import Desk
from shale.runtime.bus.intake import run_service
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.levels import read
from shale.runtime.bus.provision import provision
from shale.runtime.decision import Decision, Done
from shale.runtime.service import Card, Trigger
from shale.runtime.told import Told
from shale.testkit.fixtures import MOST, provisioned
from shale.testkit.soon import soon, soon_asked
from shale.testkit.toys import ABOUT, declared

pytestmark = pytest.mark.real_nats

CARD = Card(
    name="listener",
    does="listens",
    kinds=("modelversion",),
    hears=(Declared, StorageReady),
    takes=(PackLayer,),
    says=(LayerPacked, LayerRefused, Progressed),
    concurrency=4,
    purges=True,
)
READY = StorageReady(ABOUT, "file:///w")
FETCH = 0.25
JOBS, FACTS = streams.JOBS.name, streams.FACTS.name


class Listener:
    """Notes what wakes it and what it works on, and takes a moment for each."""

    card = CARD

    def __init__(self) -> None:
        self.woken: list[About] = []
        self.parts: Counter[str] = Counter()

    async def observe(self, trigger: Trigger, told: Told) -> Told:
        if isinstance(trigger, PackLayer):
            self.parts[trigger.part] += 1
            await asyncio.sleep(0.01)
        else:
            self.woken.append(trigger.about)
        return told

    def decide(self, trigger: Trigger, seen: Told) -> Decision:
        del trigger, seen
        return Done()

    async def perform(self, effect: object, seen: Told, beat: Beat) -> Told:
        del effect, beat
        return seen

    async def release(self, about: About, told: Told) -> Released:
        del told
        return Released(about, CARD.name)


@asynccontextmanager
async def listening(bus: Bus) -> AsyncGenerator[Listener]:
    """Yield a service that runs as it does in its process, and drain it."""
    service, stop = Listener(), asyncio.Event()
    desk = Desk(bus, JetPlane(bus, CARD.name), service)
    task = asyncio.ensure_future(run_service(bus, desk, service, stop))
    try:
        yield service
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)
        await desk.drain(1)


@pytest.fixture
def bus_cards():
    return (CARD,)


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    """Fetches that end soon: each test waits for the last one of its own."""
    monkeypatch.setattr(intake, "FETCH", FETCH)


def about(number: int) -> About:
    return msgspec.structs.replace(ABOUT, name=f"mv-{number}", uid=f"uid-{number}")


def job(number: int) -> PackLayer:
    part = f"{number}-a~1"
    return PackLayer(ABOUT, part, "file:///w", "repo", Layer(part, "w", 1))


async def left(bus: Bus, stream: str) -> tuple[int, int]:
    """How many messages the durable has not been given, and how many it has in hand."""
    info = await bus.api(f"CONSUMER.INFO.{stream}.{CARD.name}", {})
    return info["num_pending"], info["num_ack_pending"]


async def nothing_left(bus: Bus, stream: str) -> bool:
    return await left(bus, stream) == (0, 0)


async def dead(bus: Bus) -> list[str]:
    """The subjects of the dead letters."""
    info = await bus.api(f"STREAM.INFO.{streams.DEAD.name}", {"subjects_filter": ">"})
    return sorted(info["state"].get("subjects") or {})


@asynccontextmanager
async def requests(bus: Bus, stream: str) -> AsyncGenerator[list[float]]:
    """Yield when each request for messages of a stream was made; those that fail are heard too."""
    made: list[float] = []

    async def hear(_: object) -> None:
        made.append(asyncio.get_running_loop().time())

    sub = await bus.client.subscribe(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.>", cb=hear)
    await bus.client.flush()
    yield made
    await sub.unsubscribe()


# --- consumers that go and come


async def test_a_consumer_that_was_deleted_is_bound_again_and_asked_for_without_spinning(real_bus: Bus):
    plane = JetPlane(real_bus, "test")
    async with listening(real_bus) as service:
        await plane.say(declared())
        await soon(lambda: service.woken)
        await real_bus.api(f"CONSUMER.DELETE.{FACTS}.{CARD.name}", {})
        async with requests(real_bus, FACTS) as made:
            await asyncio.sleep(1.5)
            assert 1 <= len(made) <= 8
        service.woken.clear()
        assert await provision(real_bus, [CARD], most=MOST) == [f"consumer {FACTS}/{CARD.name}"]
        await plane.say(declared(about(2)))
        await soon(lambda: about(2) in service.woken)


async def test_an_idle_service_asks_seldom(real_bus: Bus):
    async with listening(real_bus):
        async with requests(real_bus, "*") as made:
            await asyncio.sleep(2 * FETCH)
        assert len(made) <= 3 * 3, "three durables, each once a fetch"


async def test_a_server_that_dies_under_a_running_service_loses_it_nothing(own_nats):
    async with provisioned(own_nats, CARD) as bus, listening(bus) as service:
        plane = JetPlane(bus, "test")
        await plane.say(declared(about(1)))
        await soon(lambda: about(1) in service.woken)
        own_nats.kill()
        own_nats.start()
        async with connected(own_nats.url, "other", fatal=False) as other:
            await JetPlane(other, "other").say(declared(about(2)))
        await soon(lambda: about(2) in service.woken)


async def test_streams_that_were_lost_and_made_again_are_served(own_nats):
    async with provisioned(own_nats, CARD) as bus, listening(bus) as service:
        own_nats.wipe()
        async with connected(own_nats.url, "other", fatal=False) as other:
            await provision(other, [CARD], most=MOST)
            await JetPlane(other, "other").say(declared())
        await soon(lambda: ABOUT in service.woken)


# --- two processes


async def test_two_processes_that_share_a_durable_do_each_job_once(real_bus: Bus, nats_server):
    plane = JetPlane(real_bus, "test")
    await plane.say(declared())
    for number in range(60):
        await plane.ask(job(number))
    async with (
        connected(nats_server.url, "second", fatal=False) as other,
        listening(real_bus) as one,
        listening(other) as two,
    ):
        await soon(lambda: len(one.parts) + len(two.parts) >= 60)
        await soon_asked(lambda: nothing_left(real_bus, JOBS))
    assert set((one.parts + two.parts).values()) == {1}
    assert one.parts
    assert two.parts


async def test_no_more_jobs_are_in_hand_than_there_are_hands(real_bus: Bus):
    plane = JetPlane(real_bus, "test")
    await plane.say(declared())
    for number in range(40):
        await plane.ask(job(number))
    async with listening(real_bus) as service:
        most = 0
        while len(service.parts) < 40:
            most = max(most, (await left(real_bus, JOBS))[1])
    assert most <= CARD.concurrency


# --- strange words


async def test_a_type_that_is_not_known_here_is_acked_and_wakes_nobody(real_bus: Bus):
    newer = wrap(READY, "test", 0).replace(b"storage-ready.v1", b"storage-moved.v1")
    await real_bus.publish(subjects.of_fact(READY), newer)
    async with listening(real_bus) as service:
        await soon_asked(lambda: nothing_left(real_bus, FACTS))
        assert service.woken == []
    assert await dead(real_bus) == []


async def test_a_fact_that_cannot_be_decoded_is_buried_once_and_the_true_one_can_be_told(real_bus: Bus, nats_server):
    plane = JetPlane(real_bus, "test")
    await plane.say(declared())
    ack = await real_bus.publish(subjects.of_fact(READY), b"not json")
    assert ack is not None
    assert await plane.say(READY) == 0, "the fence holds as long as it lies there"
    async with (
        connected(nats_server.url, "second", fatal=False) as other,
        listening(real_bus) as service,
        listening(other),
    ):
        await soon_asked(lambda: nothing_left(real_bus, FACTS))
        assert await dead(real_bus) == [f"shale.dead.{FACTS}.{ack.seq}"]
        service.woken.clear()
        assert await plane.say(READY) > ack.seq
        await soon_asked(lambda: nothing_left(real_bus, FACTS))
    letter = await real_bus.stream.get_msg(streams.DEAD.name, 1)
    assert letter.data == b"not json"
    assert (letter.headers or {})["Shale-Dead-Subject"] == subjects.of_fact(READY)


async def test_a_job_that_cannot_be_decoded_is_buried_and_told_as_refused(real_bus: Bus):
    plane = JetPlane(real_bus, "test")
    await plane.say(declared())
    await real_bus.publish(subjects.of_job(job(1)), b"not json")
    async with listening(real_bus) as service:
        await soon_asked(lambda: nothing_left(real_bus, JOBS))
        assert not service.parts
    level = await read(real_bus, FACTS, subjects.levels(ABOUT))
    [refused] = [one.fact for one in level.said if isinstance(one.fact, LayerRefused)]
    assert (refused.part, refused.reason) == ("1-a~1", "Undecodable")
    assert len(await dead(real_bus)) == 1


async def test_a_job_that_says_to_be_another_than_its_subject_is_refused_for_who_asked_on_that_subject(real_bus: Bus):
    plane = JetPlane(real_bus, "test")
    await plane.say(declared())
    await real_bus.publish(subjects.of_job(job(1)), wrap(job(2), "test", 0))
    async with listening(real_bus) as service:
        await soon_asked(lambda: nothing_left(real_bus, JOBS))
        assert not service.parts
    level = await read(real_bus, FACTS, subjects.levels(ABOUT))
    assert [one.fact.part for one in level.said if isinstance(one.fact, LayerRefused)] == ["1-a~1"]


async def test_a_message_that_is_nested_too_deeply_is_buried_wherever_it_lies(real_bus: Bus):
    plane = JetPlane(real_bus, "test")
    await plane.say(declared())
    deep = b"[" * 100_000 + b"]" * 100_000
    odd = [subjects.of_fact(READY), subjects.of_job(job(1)), subjects.of_tick(CARD.name, about(7))]
    for subject in odd:
        await real_bus.publish(subject, deep)
    async with listening(real_bus) as service:
        for stream in (FACTS, JOBS, streams.TICKS.name):
            await soon_asked(lambda stream=stream: nothing_left(real_bus, stream))
        await soon(lambda: ABOUT in service.woken)
    assert len(await dead(real_bus)) == len(odd)


async def test_a_message_as_large_as_the_server_takes_is_buried_too(real_bus: Bus):
    await real_bus.publish(subjects.of_fact(READY), b"[" * ((1 << 20) - 100))
    async with listening(real_bus):
        await soon_asked(lambda: nothing_left(real_bus, FACTS))
    assert len(await dead(real_bus)) == 1
    assert await JetPlane(real_bus, "test").say(READY) > 0


async def test_what_cannot_be_decoded_holds_up_nothing_behind_it(real_bus: Bus):
    for number in range(10):
        await real_bus.publish(subjects.of_fact(StorageReady(about(number), "u")), b"not json")
    await JetPlane(real_bus, "test").say(declared(about(99)))
    async with listening(real_bus) as service:
        await soon(lambda: about(99) in service.woken)
        await soon_asked(lambda: nothing_left(real_bus, FACTS))
    assert len(await dead(real_bus)) == 10
