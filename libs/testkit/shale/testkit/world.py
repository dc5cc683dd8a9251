"""A town: processes of services over one simulated bus, run to quiescence in an order that somebody draws.

One step is taken at a time: between two steps of one settling, any other may come. A step is a call of the plane, of a
service's own world, or of a door that says so by `point`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol, cast

import msgspec

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Fact, Gone
from shale.contracts.jobs import JOBS
from shale.runtime.beat import Beat
from shale.runtime.bus.provision import consumers
from shale.runtime.decision import Decision
from shale.runtime.loop import settle
from shale.runtime.plane import Ack, Answer, Leave, Nak, Plane, Term
from shale.runtime.service import Service, Trigger, Woken
from shale.runtime.told import Told
from shale.runtime.work import Work
from shale.testkit.plane import SimBus, SimPlane, decoded
from shale.testkit.stream import SimConsumer, Stored

STEP = 30.0
"""Seconds that one step may take in truth; more is a hang."""
PATIENCE = 6
"""How often time may pass without any change before a town counts as quiet: who waits for ever re-arms for ever."""

Maker = Callable[[Plane], Service]
Act = Callable[[Plane], Awaitable[None]]
Choose = Callable[[int], int]
"""Draws a number below the one given, as `random.Random(seed).randrange` does."""


class NeverQuietError(AssertionError):
    """A town that is still busy after as many steps as it was given: something goes round in circles."""


class PowerCut(BaseException):
    """The process is gone: nothing that it holds in memory survives, and nothing may catch this."""


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


class Case:
    """One key in a process's hands; `turns` are the steps that it waits to take."""

    def __init__(self, process: "Process", key: str, letters: list[Letter], tries: int) -> None:
        self.process, self.key, self.letters = process, key, letters
        self.work = Work(process.service.card, letters[-1].trigger, process.plane)
        self.work.beat = _PoweredBeat(process)
        self.turns: list[asyncio.Future[None]] = []
        self.task = asyncio.create_task(self._run(tries), name=f"settle {key}")

    @property
    def name(self) -> str:
        """Which service works on which part of which object."""
        return f"{self.work.part} of {self.work.trigger.about}"

    async def _run(self, tries: int) -> Answer:
        _CASE.set(self)
        return await settle(self.process.service, self.work, tries)


_CASE: ContextVar[Case] = ContextVar("case")


async def point(step: str) -> None:
    """Take a step of a simulated door: others may come first, and the power may be cut. Nothing outside a town."""
    if (case := _CASE.get(None)) is not None:
        await case.process.gate(step)


class Process:
    """One life of one process: a power cut ends it, and the next one is made by the same maker."""

    def __init__(self, town: "Town", maker: Maker) -> None:
        self.town, self.maker, self.dead = town, maker, False
        self.plane = SimPlane(town.bus, "town", self.gate)
        self.service: Service = _Powered(maker(self.plane), self.gate)
        self.plane.service = self.service.card.name
        self.cases: dict[str, Case] = {}

    async def gate(self, step: str) -> None:
        """Wait for this step's turn. Raises PowerCut."""
        self.power(step)
        turn = asyncio.get_running_loop().create_future()
        _CASE.get().turns.append(turn)
        self.town.rest()
        await turn
        self.power(step)

    def power(self, step: str) -> None:
        """Raise PowerCut when the power of this process is cut at this step."""
        self.town.steps.append(f"{self.service.card.name}: {step}")
        if not self.dead and self.town.power is not None:
            self.dead = self.town.power.fails([case.name for case in self.cases.values()])
        if self.dead:
            raise PowerCut


class _PoweredBeat(Beat):
    """A beat by which the power may be cut in the middle of a `perform`, in its thread too."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def moved(self, bytes_done: int) -> None:
        self._process.power("moved")
        super().moved(bytes_done)


class _Powered:
    """A service whose own world is a step, too."""

    def __init__(self, service: Service, gate: Callable[[str], Awaitable[None]]) -> None:
        self._service, self._gate, self.card = service, gate, service.card

    async def observe(self, trigger: Trigger, told: Told) -> Any:
        await self._gate("observe")
        return await self._service.observe(trigger, told)

    def decide(self, trigger: Trigger, seen: Any) -> Decision:
        return self._service.decide(trigger, seen)

    async def perform(self, effect: Any, seen: Any, beat: Beat) -> Any:
        await self._gate(f"perform {type(effect).__name__}")
        seen = await self._service.perform(effect, seen, beat)
        await self._gate(f"performed {type(effect).__name__}")
        return seen

    async def release(self, about: About, told: Told) -> Any:
        await self._gate("release")
        released = await self._service.release(about, told)
        await self._gate("released")
        return released


class Town:
    """Processes over one bus. `hands` is how many triggers a process has in hand at a time.

    `acts` happen in their order: each when the town is quiet, or at any time when the town is `eager`. `zombies` is how
    often a message may be handed out again while its worker is still at it, as after a pause that is longer than `ack_wait`.
    """

    def __init__(
        self,
        makers: Sequence[Maker],
        choose: Choose,
        *,
        acts: Sequence[Act] = (),
        eager: bool = False,
        hands: int = 2,
        zombies: int = 0,
        power: Power | None = None,
    ) -> None:
        self.bus = SimBus()
        self.outside = SimPlane(self.bus, "outside")
        self.power, self.steps = power, list[str]()
        self._choose, self._acts, self._eager, self._hands, self._zombies = choose, list(acts), eager, hands, zombies
        self._durables: dict[str, list[SimConsumer]] = {}
        self._resting: asyncio.Future[None] | None = None
        self._calm = (0, ())
        self.processes = [Process(self, maker) for maker in makers]
        for process in self.processes:
            self._durables.setdefault(process.service.card.name, self._consumers(process.service))
        self.bus.ears.append(self._hear)

    async def run(self, most: int = 20_000) -> None:
        """Take steps until nothing is left to be done, now or later. Raises NeverQuietError."""
        for _ in range(most):
            if moves := self._moves():
                await moves[self._choose(len(moves))]()
            elif self._acts:
                await self._acts.pop(0)(self.outside)
            elif not self._advance():
                return
        raise NeverQuietError(f"still busy after {most} steps; the last ones: {self.steps[-20:]}")

    def rest(self) -> None:
        """Say that the step that was let go has ended: its case waits for its next turn."""
        if self._resting is not None and not self._resting.done():
            self._resting.set_result(None)

    def _consumers(self, service: Service) -> list[SimConsumer]:
        queues = {stream.name for stream in streams.STREAMS if stream.retention == "workqueue"}
        return [
            SimConsumer(self.bus.stream(one.stream), one.filters, queue=one.stream in queues)
            for one in consumers(service.card)
        ]

    def _moves(self) -> list[Callable[[], Awaitable[None]]]:
        moves: list[Callable[[], Awaitable[None]]] = []
        for process in self.processes:
            cases = list(process.cases.values())
            moves += [lambda case=case: self._step(case) for case in cases if case.turns]
            if self._zombies:
                moves += [lambda case=case: self._steal(case) for case in cases if case.turns]
            if len(cases) < self._hands:
                mail = self._mail(process)
                moves += [
                    lambda process=process, key=key, letters=letters: self._begin(process, key, letters)
                    for key, letters in mail.items()
                ]
        if self._eager and self._acts and moves:
            moves.append(lambda: self._acts.pop(0)(self.outside))
        return moves

    def _mail(self, process: Process) -> dict[str, list[Letter]]:
        """Return what waits for a process, by key, the newest wish last; what is none of its business is acked."""
        mail: dict[str, list[Letter]] = {}
        for consumer in self._durables[process.service.card.name]:
            for stored in consumer.waiting(self.bus.clock):
                letter = Letter(consumer, stored, _trigger(consumer, stored))
                if letter.trigger.about.kind not in process.service.card.kinds:
                    consumer.ack(stored)
                elif (key := _key(letter)) not in process.cases:
                    mail.setdefault(key, []).append(letter)
        return {key: sorted(letters, key=_age) for key, letters in mail.items()}

    async def _begin(self, process: Process, key: str, letters: list[Letter]) -> None:
        """Take all the letters of one key in hand, or all but some of the newest, as they come in when they like."""
        taken = letters[: 1 + self._choose(len(letters))]
        tries = [letter.consumer.deliver(letter.stored) for letter in taken][-1] - 1
        self._resting = asyncio.get_running_loop().create_future()
        case = process.cases[key] = Case(process, key, taken, tries)
        await self._until_rest(case)

    async def _step(self, case: Case) -> None:
        self._resting = asyncio.get_running_loop().create_future()
        case.turns.pop(0).set_result(None)
        await self._until_rest(case)

    async def _steal(self, case: Case) -> None:
        """Let the messages of a case be handed out again; the case goes on and knows nothing of it."""
        self._zombies -= 1
        for letter in case.letters:
            letter.consumer.nak(letter.stored)

    async def _until_rest(self, case: Case) -> None:
        resting = cast("asyncio.Future[None]", self._resting)
        done, _ = await asyncio.wait([case.task, resting], timeout=STEP, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise NeverQuietError(f"a step hangs; the last ones: {self.steps[-20:]}")
        if case.process.dead:
            await self._bury(case.process)
        elif case.task.done():
            self._answer(case)

    async def _bury(self, process: Process) -> None:
        """End all that a process without power has in hand; its messages come again, and a new life begins."""
        for case in process.cases.values():
            for turn in case.turns:
                turn.set_exception(PowerCut())
        for case in process.cases.values():
            await asyncio.wait([case.task], timeout=STEP)
            if case.task.cancelled() or not case.task.exception():
                raise NeverQuietError(f"{case.name} outlived its power cut")
            for letter in case.letters:
                letter.consumer.nak(letter.stored)
        self.processes[self.processes.index(process)] = Process(self, process.maker)

    def _answer(self, case: Case) -> None:
        del case.process.cases[case.key]
        *older, newest = case.letters
        try:
            answer = case.task.result()
        except Transient:
            answer = Leave()
        if isinstance(answer, Leave):
            for letter in case.letters:
                letter.consumer.nak(letter.stored)
            return
        for letter in older:
            letter.consumer.ack(letter.stored)
        match answer:
            case Nak(delay):
                newest.consumer.nak(newest.stored, self.bus.clock + delay)
            case Term(why):
                self.bus.dead += [(newest.stored.subject, why)] if why else []
                newest.consumer.ack(newest.stored)
            case Ack():
                newest.consumer.ack(newest.stored)

    def _advance(self) -> bool:
        """Let time pass until something is due; False when nothing is, or when time changes nothing any more."""
        seen = (self.bus.facts.last, self.bus.now.last, self.bus.jobs.last, len(self.bus.jobs.under([">"])))
        self._calm = (self._calm[0] + 1 if self._calm[1] == seen else 0, seen)
        late = [due for many in self._durables.values() for one in many if (due := one.next_due()) is not None]
        due = [at for at in (self.bus.next_tick(), *late) if at is not None]
        if not due or self._calm[0] >= PATIENCE:
            return False
        self.bus.advance(min(due))
        return True

    def _hear(self, fact: Fact) -> None:
        """Stop the jobs of what is gone or has a newer wish, as the desk does."""
        if not isinstance(fact, (Gone, Declared)):
            return
        for case in (case for process in self.processes for case in process.cases.values()):
            mine = case.work.trigger.about
            newer = isinstance(fact, Gone) or mine.generation < fact.about.generation
            if case.process.service.card.takes and mine.uid == fact.about.uid and newer:
                case.work.beat.stop("over")


def _trigger(consumer: SimConsumer, stored: Stored) -> Trigger:
    if consumer.stream.name == streams.TICKS.name:
        return Woken(msgspec.json.decode(stored.data, type=About))
    message = decoded(stored.data)[1]
    if isinstance(message, JOBS):
        return message
    about = subjects.place(stored.subject).about if message is None else message.about
    return Woken(about, stored.sequence if consumer.stream.name == streams.FACTS.name else 0)


def _key(letter: Letter) -> str:
    return letter.stored.subject if isinstance(letter.trigger, JOBS) else letter.trigger.about.uid


def _age(letter: Letter) -> tuple[int, int]:
    return letter.trigger.about.generation, getattr(letter.trigger, "sequence", 0)
