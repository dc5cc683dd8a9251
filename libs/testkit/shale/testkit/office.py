"""A desk without a server: messages that keep what was answered to them, and a service that takes its time."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.artifact import Layer
from shale.contracts.envelope import wrap
from shale.contracts.errors import Transient
from shale.contracts.facts import Gone, LayerPacked, Milestone, Progressed, Released, StorageReady
from shale.contracts.jobs import PackLayer
from shale.runtime.beat import Beat
from shale.runtime.bus.desk import Desk
from shale.runtime.decision import Decision, Done
from shale.runtime.service import Card, Trigger
from shale.runtime.told import Told
from shale.testkit.plane import SimBus, SimPlane
from shale.testkit.toys import ABOUT

CARD = Card(
    name="builder",
    does="builds",
    kinds=("modelversion",),
    hears=(StorageReady, Gone),
    takes=(PackLayer,),
    says=(Progressed, LayerPacked),
    concurrency=4,
)


class Letter:
    """A message of JetStream's; `answers` is all that was answered to it."""

    def __init__(self, stream: str, subject: str, data: bytes, sequence: int = 1, delivered: int = 1) -> None:
        self.subject, self.data, self.headers = subject, data, None
        place = SimpleNamespace(stream=sequence, consumer=sequence)
        self.metadata = SimpleNamespace(stream=stream, sequence=place, num_delivered=delivered)
        self.answers: list[str] = []

    async def ack(self) -> None:
        """Note the ack."""
        self.answers.append("ack")

    async def nak(self, delay: float | None = None) -> None:
        """Note the nak and its delay."""
        self.answers.append("nak" if delay is None else f"nak {delay:g}")

    async def term(self) -> None:
        """Note the term."""
        self.answers.append("term")

    async def in_progress(self) -> None:
        """Note the heartbeat."""
        self.answers.append("beat")


class Post:
    """As much of the bus as the dead letters need; `down`: nothing is published."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.down = False
        self.is_connected = True

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        """Note what is published, by its headers."""
        del payload
        self._send(subject, headers)

    async def api(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        """Note what is asked."""
        self._send(subject, body)
        return {}

    def _send(self, subject: str, what: object) -> None:
        if self.down:
            raise Transient("publishing: TimeoutError")
        self.sent.append((subject, what))


class Slow:
    """A service that observes until it is let go; it keeps what woke it, and how many it had at once."""

    def __init__(self) -> None:
        self.card = CARD
        self.woken: list[Any] = []
        self.at_once = self.most = 0
        self.let_go = asyncio.Event()
        self.answer: Decision = Done()

    async def observe(self, trigger: Trigger, told: Told) -> Told:
        """Take its time."""
        self.woken.append(trigger)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.let_go.wait()
        finally:
            self.at_once -= 1
        return told

    def decide(self, trigger: Trigger, seen: object) -> Decision:
        """Answer what it is told to."""
        del trigger, seen
        return self.answer

    async def perform(self, effect: object, seen: object, beat: Beat) -> object:
        """Move for ever, until it is stopped."""
        del effect
        while seen is not beat:
            await asyncio.sleep(0)
            beat.moved(beat.bytes_done + 1)
        return seen

    async def release(self, about: About, told: Told) -> Released:
        """Hold nothing."""
        del told
        return Released(about, self.card.name)


class Office:
    """A desk, its bus, its service; `ack_wait` in seconds."""

    def __init__(self, ack_wait: float = 30) -> None:
        self.bus, self.post, self.service = SimBus(), Post(), Slow()
        self.plane = SimPlane(self.bus, CARD.name)
        self.desk = Desk(cast("Any", self.post), self.plane, self.service, ack_wait=ack_wait)

    async def fact(self, fact: Milestone) -> Letter:
        """Say a fact, and return the message of it."""
        sequence = await self.plane.say(fact)
        return Letter(streams.FACTS.name, subjects.of_fact(fact), wrap(fact, "test", 0), sequence)

    async def put(self, *letters: Letter) -> None:
        """Hand messages to the desk, and let it begin."""
        await self.desk.put(cast("Any", list(letters)))
        await a_while()

    async def finish(self) -> None:
        """Let the service go, until nothing is in hand."""
        self.service.let_go.set()
        while self.desk.busy:
            await a_while()


async def a_while() -> None:
    """Let every task go as far as it can without time passing."""
    for _ in range(30):
        await asyncio.sleep(0)


def job(part: str, delivered: int = 1, about: About = ABOUT) -> Letter:
    """Return the message of a job."""
    asked = PackLayer(about, part, "file:///w", "repo", Layer(part, "w", 1))
    return Letter(streams.JOBS.name, subjects.of_job(asked), wrap(asked, "test", 0), delivered=delivered)
