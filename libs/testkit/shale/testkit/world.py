"""A town: processes of services over one simulated bus, run to quiescence in an order that somebody draws.

One step is taken at a time: between two steps of one settling, any other may come. A step is a call of the plane, of a
service's own world, or of a door that says so by `life.point`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from shale.contracts import streams
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Fact, Gone
from shale.runtime.bus.provision import consumers
from shale.runtime.plane import Ack, Leave, Nak, Plane, Term
from shale.runtime.service import Card
from shale.testkit.life import Case, Letter, Maker, Power, PowerCut, Process, letters_of
from shale.testkit.plane import SimBus, SimPlane
from shale.testkit.stream import SimConsumer

STEP = 30.0
"""Seconds that one step may take in truth; more is a hang."""
PATIENCE, QUIET = 6, 600.0
"""How often time may pass, and how many seconds, without any change before a town counts as quiet.

Who waits for ever re-arms for ever; a death is noticed within a minute.
"""
ASLEEP = 60.0
"""Seconds that a paused process sleeps at least: its messages are handed out again, and its last word is old."""

Act = Callable[[Plane], Awaitable[Any]]
Move = Callable[[], Awaitable[Any]]


class NeverQuietError(AssertionError):
    """A town is still busy after as many steps as it was given: something goes round in circles."""


class Scene(msgspec.Struct, frozen=True):
    """Who lives in a town, what happens to it from outside, and what else is to be seen of it.

    One maker is one process; two makers of one card share its consumers. `acts` happen in their order. `world` returns
    the state of the services' own worlds, as something to be compared. `hands`: triggers in hand at once, per process.
    """

    makers: tuple[Maker, ...]
    acts: tuple[Act, ...]
    world: Callable[[], Any] = lambda: None
    hands: int = 2


class Disorder(msgspec.Struct, frozen=True):
    """What is left to chance. `choose` draws a number below the one given, as `random.Random(seed).randrange` does.

    `eager`: acts come at any time, at about one step in so many (0: each when the town is quiet). `zombies`: how often
    a message may be handed out again while its worker is still at it, as after a pause that is longer than `ack_wait`.
    """

    choose: Callable[[int], int] = lambda _: 0
    power: Power | None = None
    eager: int = 0
    zombies: int = 0


class Town:
    """The processes of a scene over one simulated bus."""

    def __init__(self, scene: Scene, disorder: Disorder | None = None) -> None:
        self.scene, self.disorder = scene, disorder or Disorder()
        self.bus = SimBus()
        self.outside = SimPlane(self.bus, "outside")
        self.steps: list[str] = []
        self.processes = [self._process(maker) for maker in scene.makers]
        cards = {process.service.card.name: process.service.card for process in self.processes}
        self._durables = {name: _durables(self.bus, card) for name, card in cards.items()}
        self._acts, self._zombies = list(scene.acts), self.disorder.zombies
        self._seen, self._unchanged, self._since = (0, 0, 0, 0), 0, 0.0
        self.bus.ears.append(self._hear)

    async def run(self, most: int = 20_000) -> None:
        """Take steps until nothing is left to be done, now or later. Raises NeverQuietError."""
        for _ in range(most):
            moves = self._moves()
            if self._acts and self._hurries():
                await self._acts.pop(0)(self.outside)
            elif moves:
                await moves[self.disorder.choose(len(moves))]()
            elif self._acts and not (self._is_put_off() and self._advance()):
                await self._acts.pop(0)(self.outside)
            elif not self._acts and not self._advance():
                return
        raise NeverQuietError(f"still busy after {most} steps; the last ones: {self.steps[-20:]}")

    def _process(self, maker: Maker) -> Process:
        return Process(self.bus, maker, self.disorder.power, self.steps)

    def _moves(self) -> list[Move]:
        return [move for process in self.processes for move in self._moves_of(process)]

    def _hurries(self) -> bool:
        return self.disorder.eager > 0 and self.disorder.choose(self.disorder.eager) == 0

    def _moves_of(self, process: Process) -> list[Move]:
        moves: list[Move] = []
        for case in process.cases.values():
            moves += [self._go(case), *([self._steal(case)] if self._zombies else [])]
        if len(process.cases) < self.scene.hands:
            durables = self._durables[process.service.card.name]
            mail = letters_of(process, durables, self.bus.clock)
            moves += [self._begin(process, letters) for letters in mail.values()]
        return moves

    def _begin(self, process: Process, letters: list[Letter]) -> Move:
        """Take the letters of one key in hand, or all but some of the newest, as they come in when they like."""

        async def begin() -> None:
            taken = letters[: 1 + self.disorder.choose(len(letters))]
            tries = [letter.consumer.deliver(letter.stored) for letter in taken][-1] - 1
            await self._until_rest(Case(process, taken, tries))

        return begin

    def _go(self, case: Case) -> Move:
        async def go() -> None:
            case.resting.clear()
            case.turns.pop(0).set_result(None)
            await self._until_rest(case)

        return go

    def _steal(self, case: Case) -> Move:
        """Let the messages of a case be handed out again; the case goes on and knows nothing of it."""

        async def steal() -> None:
            self._zombies -= 1
            self.bus.advance(self.bus.clock + ASLEEP)
            _give_back(case.letters)

        return steal

    async def _until_rest(self, case: Case) -> None:
        await asyncio.wait_for(case.resting.wait(), STEP)
        if case.process.dead:
            await self._bury(case.process)
        elif not case.turns:
            await asyncio.wait([case.task], timeout=STEP)
            self._answer(case)

    async def _bury(self, process: Process) -> None:
        """End all that a process without power has in hand; its messages come again, and a new life begins."""
        for case in process.cases.values():
            for turn in case.turns:
                turn.set_exception(PowerCut())
            await asyncio.wait([case.task], timeout=STEP)
            if not case.task.done() or case.task.exception() is None:
                raise NeverQuietError(f"{case.name} outlived its power cut")
            _give_back(case.letters)
        self.processes[self.processes.index(process)] = self._process(process.maker)

    def _answer(self, case: Case) -> None:
        del case.process.cases[case.key]
        *older, newest = case.letters
        try:
            answer = case.task.result()
        except Transient:
            answer = Leave()
        if isinstance(answer, Leave):
            return _give_back(case.letters)
        for letter in older:
            letter.consumer.ack(letter.stored)
        match answer:
            case Nak(delay):
                return newest.consumer.nak(newest.stored, self.bus.clock + delay)
            case Term(why):
                self.bus.dead += [(newest.stored.subject, why)] if why else []
            case Ack():
                pass
        return newest.consumer.ack(newest.stored)

    def _is_put_off(self) -> bool:
        """Whether a message waits for its time: what it is about is not done."""
        return any(one.next_due() is not None for durables in self._durables.values() for one in durables)

    def _advance(self) -> bool:
        """Let time pass until something is due; False when nothing is, or when time changes nothing any more."""
        seen = (self.bus.facts.last, self.bus.now.last, self.bus.jobs.last, len(self.bus.jobs.under([">"])))
        if self._seen != seen:
            self._seen, self._unchanged, self._since = seen, 0, self.bus.clock
        quiet = self._unchanged >= PATIENCE and self.bus.clock - self._since >= QUIET
        self._unchanged += 1
        late = [one.next_due() for durables in self._durables.values() for one in durables]
        due = [at for at in (self.bus.next_tick(), *late) if at is not None]
        if not due or quiet:
            return False
        self.bus.advance(min(due))
        return True

    def _hear(self, fact: Fact) -> None:
        """Stop the jobs of what is gone or has a newer wish, as the desk does."""
        takers = (process for process in self.processes if process.service.card.takes)
        for case in (case for process in takers for case in process.cases.values()):
            mine = case.work.trigger.about
            newer = isinstance(fact, Declared) and mine.generation < fact.about.generation
            if mine.uid == fact.about.uid and (newer or isinstance(fact, Gone)):
                case.work.beat.stop("over")


def _durables(bus: SimBus, card: Card) -> list[SimConsumer]:
    queues = {stream.name for stream in streams.STREAMS if stream.retention == "workqueue"}
    wanted = consumers(card)
    return [SimConsumer(bus.stream(one.stream), one.filters, queue=one.stream in queues) for one in wanted]


def _give_back(letters: list[Letter]) -> None:
    for letter in letters:
        letter.consumer.nak(letter.stored)
