"""One trigger in hand: when it may begin, how it went, and what a failure makes of it."""

import logging
import random
from typing import Any

from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.contracts.facts import Milestone, Progressed, Refused
from shale.contracts.jobs import DONE, JOBS, refusal, title
from shale.runtime.attempts import MAX_ATTEMPTS, MAX_NAK, STALE, Before
from shale.runtime.beat import Beat
from shale.runtime.decision import Wait
from shale.runtime.plane import Answer, Nak, Plane, Term
from shale.runtime.quarantine import Quarantine
from shale.runtime.reading import Voice
from shale.runtime.service import Card, Trigger
from shale.runtime.silence import Silence

LATER = 20.0
"""Seconds after which a suspect tries again to work alone: in between the others go on."""
MAX_ERROR, MAX_MESSAGE = 2048, 16_384
"""Characters of an error, and of what a person is told: whatever a library put into it, it must travel."""
DIED = "the worker died of it"

log = logging.getLogger("shale.work")


class Work:
    """One trigger in hand: its pulse, its time, and what is said of it.

    `stale`: seconds after which a Working that was not repeated was somebody's last word.
    """

    def __init__(
        self, card: Card, trigger: Trigger, plane: Plane, quarantine: Quarantine | None = None, stale: float = STALE
    ) -> None:
        self.card, self.trigger, self.plane = card, trigger, plane
        self.beat = Beat()
        self.silence = Silence(self.beat)
        job = isinstance(trigger, JOBS)
        self.part = f"{card.name}.{trigger.part}" if isinstance(trigger, JOBS) else card.name
        self.speaks = Progressed in card.says and trigger.about.kind in card.kinds
        self.voice = Voice(plane, trigger.about, self.part, job=job, stale=stale)
        self.tries = 0
        """How often the trigger was delivered before."""
        self._quarantine = quarantine or Quarantine()
        self._entered: bool | None = None
        """Whether alone; None: not inside."""

    def aim(self, about: About) -> None:
        """Speak of this generation instead: deleting raises it, and readers look at that of the last wish."""
        if not self.voice.attempt and about.uid == self.trigger.about.uid:
            self.voice.about = about

    async def begin(self) -> Answer | None:
        """Say `Working` before the first effect.

        Return how to answer instead when this work cannot begin now, or not any more: somebody else is at it, or it has
        ended every attempt before. What is not at its first attempt works alone in its process. Raises Stopped.
        """
        self.beat.heed()
        if self.voice.attempt or not self.speaks:
            return None
        was = await self.voice.before()
        if was.wait or was.attempt > MAX_ATTEMPTS:
            return await self._stays(was)
        alone = was.attempt > 1
        if not await self._quarantine.enter(alone=alone):
            log.info("no room beside a suspect", extra={"about": str(self.trigger.about), "suspect": alone})
            return Nak(LATER * _jitter() if alone else self._patience())
        self._entered = alone
        return None if await self.voice.claims(was) else Nak(self._patience())

    async def _stays(self, was: Before) -> Answer:
        """Answer for what may not begin now, or never again."""
        if was.busy:
            return Nak(min(was.wait, self._patience()))
        return Nak(was.wait) if was.wait else await self.gives_up(was.error or DIED)

    def _patience(self) -> float:
        """Return how long to stand back: longer each time."""
        return 2.0 ** min(self.tries, 6) * _jitter()

    async def leave(self) -> None:
        """Let others of this process in; after the answer, whatever it was."""
        if self._entered is not None:
            alone, self._entered = self._entered, None
            await self._quarantine.leave(alone=alone)

    async def pulse(self) -> None:
        """Tell how far the work is; stop it when somebody else tells that too."""
        self.silence.heard()
        if not await self.voice.repeats(self.beat.bytes_done):
            self.beat.stop("lost")

    async def waits(self, wait: Wait) -> float:
        """Say why nothing is done now, if that is news; return the seconds until this is looked at again."""
        now = self.plane.now()
        at = wait.until if wait.again_in is None else min(wait.until, now + wait.again_in)
        state, message = "Stalled" if wait.stalled else "Waiting", wait.message[:MAX_MESSAGE]
        await self._says(state, reason=wait.reason, message=message)
        return max(at - now, 1.0)

    async def ends(self, facts: tuple[Milestone, ...]) -> None:
        """Note that the work went well, when no milestone of its own says so.

        Else the next trigger would count it as a death.
        """
        if self.voice.attempt and not any(isinstance(fact, (*self.card.ends, *DONE.values())) for fact in facts):
            await self._says("Waiting", reason="Idle")

    async def retries(self, error: Transient) -> Answer:
        """Say when it is tried again after an error that passes by itself."""
        delay = min(MAX_NAK, error.after or self._patience())
        log.warning("transient", extra={"about": str(self.trigger.about), "error": str(error), "again_in": delay})
        await self._quietly(str(error)[:MAX_ERROR], self.plane.now() + delay)
        return Nak(delay)

    async def rests(self, why: str, delay: float = 0) -> Answer:
        """Give the work back, through no fault of the input: no attempt is counted for it."""
        if self.voice.attempt:
            await self._quietly(why, self.plane.now() + delay)
        return Nak(delay)

    async def fails(self, error: Exception) -> Answer:
        """Count a failure that nobody foresaw: the reading stays at Working; the last attempt ends in a refusal."""
        log.error("bug", extra={"about": str(self.trigger.about)}, exc_info=error)
        what = f"{type(error).__name__}: {error}"[:MAX_ERROR]
        if not self.speaks:  # whoever mends it need not say the fact again: it comes for ever, and people see its copy
            return Nak(MAX_NAK, f"Bug: {what}" if self.tries + 1 >= MAX_ATTEMPTS else "")
        if answer := await self._counts():
            return answer
        attempt = self.voice.attempt
        delay = 2.0**attempt
        await self._says("Working", attempt=attempt, error=what, next_at=self.plane.now() + delay)
        return Nak(delay) if attempt < MAX_ATTEMPTS else await self.gives_up(what)

    async def _counts(self) -> Answer | None:
        """Make an attempt of what failed before its first effect: it died of nothing, so it need not be alone."""
        if self.voice.attempt:
            return None
        was = await self.voice.before()
        if was.wait or was.attempt > MAX_ATTEMPTS:
            return await self._stays(was)
        return None if await self.voice.claims(was) else Nak(self._patience())

    async def gives_up(self, why: str) -> Answer:
        """End the trigger after its last attempt: told as a refusal, kept among the dead letters."""
        reason = "WorkerLost" if why == DIED else "Bug"
        what = title(self.trigger) if isinstance(self.trigger, JOBS) else "it"
        message = (
            f"{self.card.name} gave {what} up after {MAX_ATTEMPTS} attempts: {why}. Mend it, then `shale retry` it"
        )
        await self.plane.say(self.refused(reason, message))
        return Term(why=f"{reason}: {why}")

    def refused(self, reason: str, message: str) -> Milestone:
        """Return the milestone that says that this trigger is given up."""
        message = message[:MAX_MESSAGE]
        if isinstance(self.trigger, JOBS):
            return refusal(self.trigger, reason, message)
        return Refused(about=self.trigger.about, part=self.card.name, reason=reason, message=message)

    async def _says(self, state: str, **fields: Any) -> None:  # noqa: ANN401 (the fields of Progressed)
        """Say the last word of this work."""
        if self.speaks:
            await self.voice.ends(Progressed(self.voice.about, self.part, state, **fields))

    async def _quietly(self, message: str, next_at: float) -> None:
        """Report on the way out: when the bus is what failed, the nak alone must do."""
        attempt = self.voice.attempt
        try:
            await self._says("Retrying", error=message, message=message, attempt=attempt, next_at=next_at)
        except Transient as error:
            log.warning("reading not told", extra={"error": str(error)})


def _jitter() -> float:
    return random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
