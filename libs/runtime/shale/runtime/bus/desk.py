"""Where a service's messages wait and are worked on.

Coalesced per object, settled serially per object, all of them heartbeaten.

A wake-up is a key (the uid) with letters; letters that come while their key is in hand wait and are settled together
afterwards; the newest of them stands for the others, which are acked. For a job the key is its subject: one worker
packs many layers of one object at a time.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict

import nats.errors
from nats.aio.msg import Msg

from shale.contracts.envelope import unwrap_from
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Gone
from shale.runtime.beat import Cause
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.dead import bury, bury_undecodable
from shale.runtime.bus.letters import Letter, age, is_again, newest, outdates, read
from shale.runtime.loop import settle
from shale.runtime.plane import Ack, Answer, Leave, Nak, Plane, Term
from shale.runtime.quarantine import Quarantine
from shale.runtime.service import Service
from shale.runtime.telemetry import settling, skipped
from shale.runtime.work import Work

MAX_WAITING = 1024
"""Letters that may wait in one process; the stream keeps the rest."""

log = logging.getLogger("shale.desk")


class Case:
    """One key in hand."""

    def __init__(self, letters: list[Letter], work: Work) -> None:
        self.letters = letters
        self.work = work


LAST_WORDS = 1.0
"""Seconds in which is said what is handed over without having stopped: a bus that does not answer is not waited for."""

MISSED = 2
"""Heartbeats that may fail: the third would come when the server has given the messages to others."""


class Desk:
    """All work that one service has in this process."""

    def __init__(self, bus: Bus, plane: Plane, service: Service, *, ack_wait: float = 30) -> None:
        self.bus, self.plane, self.service, self.ack_wait = bus, plane, service, ack_wait
        self.waiting: OrderedDict[str, list[Letter]] = OrderedDict()
        self.busy: dict[str, Case] = {}
        self.unbound: set[str] = set()
        """Consumers that were not there when they were asked last: nothing comes from them."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: dict[str, int] = {}
        """When each namespace had its turn last."""
        self._begun = 0
        self._quarantine = Quarantine()

    @property
    def letters(self) -> list[Letter]:
        """Every message that is waited for or worked on."""
        return [letter for letters in self.waiting.values() for letter in letters] + [
            letter for case in self.busy.values() for letter in case.letters
        ]

    def room(self, *, jobs: bool) -> int:
        """Return how many more messages may be fetched: a job only when a hand is free for it."""
        if jobs:
            return self.service.card.concurrency - len(self.busy) - len(self.waiting)
        return min(64, MAX_WAITING - len(self.letters))

    async def put(self, messages: list[Msg]) -> None:
        """Sort messages to their keys and begin what there are hands for; what cannot be decoded is buried."""
        for message in messages:
            try:
                letter = read(message)
            except Exception as error:  # noqa: BLE001 (whatever it is, a stranger's message must not end the process)
                skipped("undecodable", message.subject, error)
                await self._bury(message, f"{error}" if isinstance(error, ValueError) else repr(error))
                continue
            if letter is not None and letter.trigger.about.kind in self.service.card.minds:
                for outdated in self._take(letter):
                    await outdated.ack()
            else:
                await message.ack()
        self._pump()

    def _take(self, letter: Letter) -> list[Msg]:
        """Let a letter wait for its key; return the messages that need not wait, as another one stands for them.

        However much is told of one object, it takes no more room than any other's.
        """
        waiting = [one for one in self.waiting.get(letter.key, []) if not is_again(letter, one)]
        if any(outdates(one, letter) for one in waiting):
            return [letter.message]
        self.waiting[letter.key] = [*(one for one in waiting if not outdates(letter, one)), letter]
        return [one.message for one in waiting if outdates(letter, one)]

    async def _bury(self, message: Msg, why: str) -> None:
        try:
            await bury_undecodable(self.bus, self.plane, message, self.service.card, why)
        except Transient as error:
            log.warning("not buried; it comes again", extra={"subject": message.subject, "error": str(error)})
        except Exception:  # a stranger's message must not end the process, at every start again
            log.exception("not buried; it comes again", extra={"subject": message.subject})

    def _pump(self) -> None:
        while len(self.busy) < self.service.card.concurrency and (key := self._next()):
            letters = sorted(self.waiting.pop(key), key=age)
            work = Work(self.service.card, newest(letters), self.plane, self._quarantine, self.ack_wait)
            self.busy[key] = case = Case(letters, work)
            task = asyncio.create_task(self._settle(key, case), name=f"settle {key}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> str:
        """Return the key that comes next, empty for none: namespaces by turns, of one the key that waits longest."""
        waiting = {key: letters[0].trigger.about.namespace for key, letters in self.waiting.items()}
        ready = (key for key in waiting if key not in self.busy)
        key = min(ready, key=lambda key: self._turns.get(waiting[key], 0), default="")
        if key:
            self._begun += 1
            self._turns = {one: self._turns.get(one, 0) for one in waiting.values()} | {waiting[key]: self._begun}
        return key

    async def _settle(self, key: str, case: Case) -> None:
        last = case.letters[-1].message
        try:
            with settling(self.service.card.name, case.work.trigger.about) as outcome:
                answer = await settle(self.service, case.work, tries=(last.metadata.num_delivered or 1) - 1)
                outcome(type(answer).__name__)
            await self._answer(case, answer)
        except Transient as error:
            log.warning("not settled; it comes again", extra={"key": key, "error": str(error)})
        except nats.errors.Error as error:
            log.warning("not answered; it comes again", extra={"key": key, "error": f"{type(error).__name__} {error}"})
        except Exception:
            log.exception("not answered; it comes again", extra={"key": key})
        finally:
            del self.busy[key]
            await case.work.leave()
            self._pump()

    async def _answer(self, case: Case, answer: Answer) -> None:
        if isinstance(answer, Leave) or case.work.beat.cause == "lost":
            return
        *older, last = (letter.message for letter in case.letters)
        for message in older:
            await message.ack()
        match answer:
            case Nak(delay, why):
                if why:
                    await bury(self.bus, last, self.service.card.name, why)
                await last.nak(delay=delay)
            case Term(why):
                if why:
                    await bury(self.bus, last, self.service.card.name, why)
                await last.term()
            case Ack():
                await last.ack()

    async def beat(self) -> None:
        """Keep every message ours, and tell how far the work is; runs as long as the desk does.

        Side by side: a reading that nobody takes must not keep a heartbeat waiting.
        """
        await asyncio.gather(self._keep_all(), self._pulse_all())

    async def _keep_all(self) -> None:
        missed = 0
        while True:
            await asyncio.sleep(self.ack_wait / 3)
            kept = [await self._keep(letter.message) for letter in self.letters]
            missed = 0 if all(kept) and self.bus.is_connected else missed + 1
            if missed >= MISSED:
                self._lose_all()

    def _lose_all(self) -> None:
        """Stop, as others may have all this by now: nothing of it is acked or naked."""
        if self.letters:
            log.warning("heartbeats failed: others may have the work", extra={"messages": len(self.letters)})
        self.waiting.clear()
        self._stop_all("lost")

    async def _pulse_all(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.ack_wait / 3))
            await asyncio.gather(*(self._pulse(case) for case in self.busy.values()))

    async def _keep(self, message: Msg) -> bool:
        try:
            await message.in_progress()
        except (nats.errors.Error, TimeoutError) as error:
            log.warning("heartbeat failed", extra={"subject": message.subject, "error": str(error)})
            return False
        return True

    async def _pulse(self, case: Case) -> None:
        try:
            await case.work.pulse()
        except Transient as error:
            log.warning("progress not told", extra={"error": str(error)})

    async def hear(self, message: Msg) -> None:
        """Stop the work on what is gone or has a newer wish.

        A plain subscription brings this, so that nobody packs for nothing.
        """
        try:
            fact = unwrap_from(message.subject, message.data)[1]
        except ValueError:
            return  # who takes it from its stream counts and buries it
        if not isinstance(fact, (Gone, Declared)):
            return
        for case in self.busy.values():
            mine = case.work.trigger.about
            if mine.uid == fact.about.uid and (isinstance(fact, Gone) or mine.generation < fact.about.generation):
                case.work.beat.stop("over")

    async def drain(self, grace: float) -> None:
        """Give back what waits, let short work end, hand over the rest; after `grace` seconds in all, let go.

        What is in hand is kept alive meanwhile. What does not even stop is told as handed over: it did not die of its
        input. For that there is LAST_WORDS more.
        """
        pulse = asyncio.create_task(self.beat())
        try:
            await self._drain(grace)
        finally:
            pulse.cancel()
            await asyncio.gather(pulse, return_exceptions=True)

    async def _drain(self, grace: float) -> None:
        for letters in self.waiting.values():
            for letter in letters:
                await self._give_back(letter.message)
        self.waiting.clear()
        await self._idle(grace / 2)
        self._stop_all("handed over")
        await self._idle(grace / 2)
        stuck = [case.work.rests("handed over: this process ends") for case in self.busy.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await asyncio.gather(*stuck)
        for task in list(self._tasks):
            task.cancel()
        await self._idle(LAST_WORDS)

    async def _give_back(self, message: Msg) -> None:
        try:
            await message.nak()
        except nats.errors.Error as error:
            log.warning("not given back; it comes again", extra={"subject": message.subject, "error": str(error)})

    def _stop_all(self, cause: Cause) -> None:
        for case in self.busy.values():
            case.work.beat.stop(cause)

    async def _idle(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)
