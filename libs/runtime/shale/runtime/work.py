"""The reading of one piece of work: which attempt it is, how far, and how it went.

And what a failure makes of its trigger.
"""

import asyncio
import logging
import random

import msgspec

from shale.contracts.errors import Transient
from shale.contracts.facts import Milestone, Progressed, Refused
from shale.contracts.jobs import DONE, JOBS, refusal, title
from shale.runtime.beat import Beat
from shale.runtime.decision import Wait
from shale.runtime.plane import Answer, Mark, Nak, Plane, Term
from shale.runtime.quarantine import Quarantine
from shale.runtime.service import Card, Trigger

MAX_ATTEMPTS = 3
"""A worker that died of its input says nothing: the third attempt left at Working is the last (events.md)."""
MAX_NAK = 60.0
PATIENCE = 60.0
"""Seconds that a suspect waits until it may work alone."""
MAX_ERROR = 2048
"""Characters of an error that are told: whatever a library put into it, the message that says so must travel."""

log = logging.getLogger("shale.work")


class Work:
    """One trigger in hand: its pulse, and its `Progressed`, of which this process is the one writer while it works."""

    def __init__(self, card: Card, trigger: Trigger, plane: Plane, quarantine: Quarantine | None = None) -> None:
        self.card, self.trigger, self.plane = card, trigger, plane
        self.beat = Beat()
        self.part = f"{card.name}.{trigger.part}" if isinstance(trigger, JOBS) else card.name
        self.speaks = Progressed in card.says
        self.tries = 0
        """How often the trigger was delivered before."""
        self.attempt = 0
        self._mark: Mark | None = None
        self._told_bytes = 0
        self._writing = asyncio.Lock()
        self._unsure: Progressed | None = None
        self._over = False
        self._quarantine = quarantine or Quarantine()
        self._entered = False

    async def begin(self) -> str | None:
        """Say `Working` before the first effect; return why not, when this input has ended every attempt before.

        What is not at its first attempt works alone in its process.
        """
        if self.attempt or not self.speaks:
            return None
        last = (await self.mark()).reading
        died = last is not None and last.state == "Working" and self._comes_again()
        if last is not None and died and last.attempt >= MAX_ATTEMPTS:
            return last.error or "the worker died of it"
        self.attempt = (last.attempt if last else 0) + died or 1
        error = last.error if last is not None and died else ""
        await self._enter()
        working = Progressed(self.trigger.about, self.part, "Working", attempt=self.attempt, error=error)
        if not await self._report(_still(working, last)):
            raise Transient(f"another worker took {self.part} of {self.trigger.about}")
        return None

    def _comes_again(self) -> bool:
        """Whether a Working that was left behind is a death: of an object's service it may be another, who is alive."""
        return isinstance(self.trigger, JOBS) or self.tries > 0

    async def _enter(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._quarantine.enter(alone=self.attempt > 1)
        except TimeoutError as error:
            raise Transient(f"{self.part} of {self.trigger.about} waits for a worker without other work") from error
        self._entered = True

    async def leave(self) -> None:
        """Let others of this process in; after the answer, whatever it was."""
        if self._entered:
            self._entered = False
            await self._quarantine.leave(alone=self.attempt > 1)

    async def pulse(self) -> None:
        """Tell how far the work is, when it moved; stop it when somebody else tells that too."""
        async with self._writing:
            done = self.beat.bytes_done
            if not self.attempt or self._over or done == self._told_bytes:
                return
            self._told_bytes = done
            moved = Progressed(self.trigger.about, self.part, "Working", bytes_done=done, attempt=self.attempt)
            if not await self._report(moved):
                self.beat.stop("lost")

    async def waits(self, wait: Wait) -> float:
        """Say why nothing is done now, if that is news; return the seconds until this is looked at again."""
        now = self.plane.now()
        at = wait.until if wait.again_in is None else min(wait.until, now + wait.again_in)
        state = "Stalled" if wait.stalled else "Waiting"
        await self.news(Progressed(self.trigger.about, self.part, state, reason=wait.reason, message=wait.message))
        return max(at - now, 1.0)

    async def ends(self, facts: tuple[Milestone, ...]) -> None:
        """Note that the work went well, when no milestone of its own says so.

        Else the next trigger would count it as a death.
        """
        if self.attempt and not any(isinstance(fact, (*self.card.ends, *DONE.values())) for fact in facts):
            await self.news(Progressed(self.trigger.about, self.part, "Waiting", reason="Idle"))

    async def news(self, progressed: Progressed) -> None:
        """Replace the reading when it says something else: the last word of this work, no pulse comes after it.

        A Working that a late pulse left behind would count as a death.
        """
        async with self._writing:
            self._over = True
            if self.speaks and (await self.mark()).reading != progressed:
                await self._report(progressed)

    async def retries(self, error: Transient) -> Answer:
        """Say when it is tried again after an error that passes by itself."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        delay = min(MAX_NAK, error.after or 2.0 ** min(self.tries, 6) * jitter)
        log.warning("transient", extra={"about": str(self.trigger.about), "error": str(error), "again_in": delay})
        await self._quietly(str(error)[:MAX_ERROR], self.plane.now() + delay)
        return Nak(delay)

    async def hands_over(self) -> Answer:
        """Give the work to another process: this one ends, through no fault of the input."""
        await self._quietly("handed over: this process ends", self.plane.now())
        return Nak(0)

    async def fails(self, error: Exception) -> Answer:
        """Count a failure that nobody foresaw: the reading stays at Working; the last attempt ends in a refusal."""
        log.error("bug", extra={"about": str(self.trigger.about)}, exc_info=error)
        what = f"{type(error).__name__}: {error}"[:MAX_ERROR]
        if not self.speaks:
            return Nak(MAX_NAK)
        if gave_up := await self.begin():
            return await self.gives_up(gave_up)
        if (reading := (await self.mark()).reading) is not None:
            await self.news(msgspec.structs.replace(reading, error=what))
        return Nak(2.0**self.attempt) if self.attempt < MAX_ATTEMPTS else await self.gives_up(what)

    async def gives_up(self, why: str) -> Answer:
        """End the trigger after its last attempt: told as a refusal, kept among the dead letters."""
        reason = "WorkerLost" if why == "the worker died of it" else "Bug"
        what = title(self.trigger) if isinstance(self.trigger, JOBS) else "it"
        message = (
            f"{self.card.name} gave {what} up after {MAX_ATTEMPTS} attempts: {why}. Mend it, then `shale retry` it"
        )
        await self.plane.say(self.refused(reason, message))
        return Term(why=f"{reason}: {why}")

    def refused(self, reason: str, message: str) -> Milestone:
        """Return the milestone that says that this trigger is given up."""
        if isinstance(self.trigger, JOBS):
            return refusal(self.trigger, reason, message)
        return Refused(about=self.trigger.about, part=self.card.name, reason=reason, message=message)

    async def mark(self) -> Mark:
        """Return the last reading of this work, read once: from then on this process is its writer."""
        if self._mark is None:
            self._mark = await self.plane.last(self.trigger.about, self.part)
        return self._mark

    async def _report(self, progressed: Progressed) -> bool:
        """Replace the reading; False when somebody else did. One whose answer was lost on its way may be ours."""
        unsure, self._unsure = self._unsure, progressed
        revision = await self.plane.report(progressed, (await self.mark()).revision)
        if revision is None and unsure is not None:
            self._mark = await self.plane.last(self.trigger.about, self.part)
            if self._mark.reading == unsure:
                revision = await self.plane.report(progressed, self._mark.revision)
        self._unsure = None
        if revision is not None:
            self._mark = Mark(progressed, revision)
        return revision is not None

    async def _quietly(self, message: str, next_at: float) -> None:
        """Report on the way out: when the bus is what failed, the nak alone must do."""
        attempt = self.attempt
        try:
            last = (await self.mark()).reading
            attempt = attempt or (last.attempt if last else 0)
            await self.news(
                Progressed(
                    self.trigger.about,
                    self.part,
                    "Retrying",
                    error=message,
                    message=message,
                    attempt=attempt,
                    next_at=next_at,
                )
            )
        except Transient as error:
            log.warning("reading not told", extra={"error": str(error)})


def _still(working: Progressed, last: Progressed | None) -> Progressed:
    """Return the word that work begins, which still says what stalled it: until it moves, that was only looked at."""
    if last is None or last.state not in {"Stalled", "Working"}:
        return working
    return msgspec.structs.replace(working, reason=last.reason, message=last.message)
