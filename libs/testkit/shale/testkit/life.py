"""One life of one simulated process: what it has in hand, the steps it takes, the power that may fail at each."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

import msgspec

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.facts import Released
from shale.contracts.jobs import JOBS
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision
from shale.runtime.loop import settle
from shale.runtime.plane import Answer, Plane
from shale.runtime.service import Service, Trigger, Woken, together
from shale.runtime.told import Told
from shale.runtime.work import Work
from shale.testkit.plane import Gate, SimBus, SimPlane, decoded
from shale.testkit.stream import SimConsumer, Stored

Maker = Callable[[Plane], Service]
"""Makes a service anew for each life of its process; the worlds behind its doors were made before, and outlive it."""


class PowerCut(BaseException):
    """The process is gone: nothing that it holds in memory survives, and nobody may catch this."""


class Power(Protocol):
    """Decides at which step the power is cut."""

    def fails(self, doing: Sequence[str]) -> bool:
        """Return whether it fails at this step, given what the process has in hand (one name per trigger)."""
        ...


class Letter(msgspec.Struct, frozen=True):
    """One message as a consumer hands it out, and what it asks to look at."""

    consumer: SimConsumer
    stored: Stored
    trigger: Trigger


class Process:
    """One life: it ends when its power is cut, and the next one is made by the same maker."""

    def __init__(self, bus: SimBus, maker: Maker, power: Power | None, steps: list[str]) -> None:
        self.maker, self.power, self.steps, self.dead = maker, power, steps, False
        self.plane = SimPlane(bus, "town", self.gate)
        self.service: Service = _Powered(maker(self.plane), self.gate)
        self.plane.service = self.service.card.name
        self.cases: dict[str, Case] = {}

    async def gate(self, step: str) -> None:
        """Wait for this step's turn, with the power cut before it or after. Raises PowerCut."""
        self.step(step)
        await _CASE.get().turn()
        self.step(step)

    def step(self, step: str) -> None:
        """Raise PowerCut when the power of this process fails at this step, or failed before."""
        self.steps.append(f"{self.service.card.name}: {step}")
        if not self.dead and self.power is not None:
            self.dead = self.power.fails([case.name for case in self.cases.values()])
        if self.dead:
            raise PowerCut


class Case:
    """One key in the hands of a process: its letters, its work, and the steps that wait to be let go."""

    def __init__(self, process: Process, letters: list[Letter], tries: int) -> None:
        self.process, self.letters, self.key = process, letters, _key(letters[-1])
        self.work = Work(process.service.card, _newest(letters), process.plane)
        self.work.beat = _PoweredBeat(process)
        self.turns: list[asyncio.Future[None]] = []
        self.resting = asyncio.Event()
        process.cases[self.key] = self
        self.task = asyncio.create_task(self._run(tries), name=f"settle {self.key}")

    @property
    def name(self) -> str:
        """Which service works on which part of which object."""
        return f"{self.work.part} of {self.work.trigger.about}"

    async def turn(self) -> None:
        """Rest until somebody lets this step go."""
        let_go: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.turns.append(let_go)
        self.resting.set()
        await let_go

    async def _run(self, tries: int) -> Answer:
        _CASE.set(self)
        try:
            return await settle(self.process.service, self.work, tries)
        finally:
            self.resting.set()


_CASE: ContextVar[Case] = ContextVar("case")


async def point(step: str) -> None:
    """Take a step of a simulated door: others may come first, and the power may be cut. Does nothing outside a town."""
    if (case := _CASE.get(None)) is not None:
        await case.process.gate(step)


class _PoweredBeat(Beat):
    """A beat at which the power may be cut in the middle of a `perform`, in its thread too."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def moved(self, bytes_done: int) -> None:
        self._process.step("moved")
        super().moved(bytes_done)


class _Powered:
    """A service whose own world is a step, too."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self._service, self._gate, self.card = service, gate, service.card

    async def observe(self, trigger: Trigger, told: Told) -> object:
        await self._gate("observe")
        return await self._service.observe(trigger, told)

    def decide(self, trigger: Trigger, seen: object) -> Decision:
        return self._service.decide(trigger, seen)

    async def perform(self, effect: object, seen: object, beat: Beat) -> object:
        name = type(effect).__name__
        return await self._around(f"perform {name}", lambda: self._service.perform(effect, seen, beat))

    async def release(self, about: About, told: Told) -> Released:
        return await self._around("release", lambda: self._service.release(about, told))

    async def _around(self, step: str, call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 (as the service says)
        await self._gate(step)
        result = await call()
        await self._gate(f"{step}: done")
        return result


def letters_of(process: Process, durables: Iterable[SimConsumer], now: float) -> dict[str, list[Letter]]:
    """Return what waits for a process, by key, the newest wish last; what is of no kind of its card is acked."""
    mail: dict[str, list[Letter]] = {}
    for consumer in durables:
        for stored in consumer.waiting(now):
            letter = Letter(consumer, stored, _trigger(consumer, stored))
            if letter.trigger.about.kind not in process.service.card.minds:
                consumer.ack(stored)
            elif _key(letter) not in process.cases:
                mail.setdefault(_key(letter), []).append(letter)
    return {key: sorted(letters, key=_age) for key, letters in mail.items()}


def _trigger(consumer: SimConsumer, stored: Stored) -> Trigger:
    if consumer.stream.name == streams.TICKS.name:
        return Woken(msgspec.json.decode(stored.data, type=About))
    message = decoded(stored.data)[1]
    if isinstance(message, JOBS):
        return message
    about = subjects.place(stored.subject).about if message is None else message.about
    return Woken(about, stored.sequence if consumer.stream.name == streams.FACTS.name else 0)


def _newest(letters: list[Letter]) -> Trigger:
    woken = [letter.trigger for letter in letters if isinstance(letter.trigger, Woken)]
    return together(woken) if woken else letters[-1].trigger


def _key(letter: Letter) -> str:
    return letter.stored.subject if isinstance(letter.trigger, JOBS) else letter.trigger.about.uid


def _age(letter: Letter) -> tuple[int, int]:
    return letter.trigger.about.generation, getattr(letter.trigger, "sequence", 0)
