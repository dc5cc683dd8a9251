"""The one reading of a piece of work: who is at it, which attempt it is, how far, and its last word."""

import asyncio
import time

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import Progressed
from shale.runtime.attempts import Before, before
from shale.runtime.plane import Mark, Plane


class Voice:
    """What one process says of one piece of work, of which it is the one writer from `claims` on.

    `job`: its trigger is in one worker's hands at a time. `stale`: seconds after which a word that was not repeated was
    somebody's last.
    """

    def __init__(self, plane: Plane, about: About, part: str, *, job: bool, stale: float) -> None:
        self.plane, self.about, self.part, self.job, self.stale = plane, about, part, job, stale
        self.attempt = 0
        """Which attempt this is; 0 until it began."""
        self._mark: Mark | None = None
        self._told_bytes, self._told_at = 0, 0.0
        self._writing = asyncio.Lock()
        self._unsure: Progressed | None = None
        self._over = False

    async def before(self) -> Before:
        """Return what was before, as of the last reading; read once."""
        return before(await self.mark(), job=self.job, now=self.plane.now(), stale=self.stale)

    async def claims(self, was: Before) -> bool:
        """Say `Working` with the attempt's number. Of several who come at once one may; False for the others."""
        attempt = was.attempt or 1
        working = Progressed(self.about, self.part, "Working", attempt=attempt, error=was.error)
        if await self._report(_still(working, (await self.mark()).reading)):
            self.attempt = attempt
        return self.attempt > 0

    async def repeats(self, bytes_done: int) -> bool:
        """Tell how far the work is, when it moved, or again: a word that is not repeated is taken for the last.

        False when somebody else speaks of it by now.
        """
        async with self._writing:
            moved = bytes_done != self._told_bytes
            fresh = not moved and time.monotonic() - self._told_at < self.stale / 3
            if not self.attempt or self._over or fresh:
                return True
            self._told_bytes = bytes_done
            working = Progressed(self.about, self.part, "Working", bytes_done=bytes_done, attempt=self.attempt)
            return await self._report(working if moved else _still(working, (await self.mark()).reading))

    async def ends(self, progressed: Progressed) -> None:
        """Say the last word of this work, when it is news: no `repeats` comes after it.

        A Working that was left behind would count as a death. Who did not begin hands on which attempt is next, and is
        silent while somebody else is at work.
        """
        async with self._writing:
            self._over = True
            if not self.attempt:
                was = await self.before()
                if was.busy:
                    return
                progressed = msgspec.structs.replace(progressed, attempt=was.attempt)
            if (await self.mark()).reading != progressed:
                await self._report(progressed)

    async def mark(self) -> Mark:
        """Return the last reading of this work, read once: what is said afterwards replaces exactly that one."""
        if self._mark is None:
            self._mark = await self.plane.last(self.about, self.part)
        return self._mark

    async def _report(self, progressed: Progressed) -> bool:
        """Replace the reading; False when somebody else did. One whose answer was lost on its way may be ours."""
        unsure, self._unsure = self._unsure, progressed
        revision = await self.plane.report(progressed, (await self.mark()).revision)
        if revision is None and unsure is not None:
            self._mark = await self.plane.last(self.about, self.part)
            if self._mark.reading == unsure:
                revision = await self.plane.report(progressed, self._mark.revision)
        self._unsure = None
        if revision is not None:
            self._mark, self._told_at = Mark(progressed, revision), time.monotonic()
        return revision is not None


def _still(working: Progressed, last: Progressed | None) -> Progressed:
    """Return the word that work begins, which still says what it waits for: until it moves, that was only looked at.

    Its reason is said only of what stalls, so that nobody takes one for the other.
    """
    if last is not None and last.state == "Waiting":
        return msgspec.structs.replace(working, message=last.message)
    if last is None or last.state not in {"Stalled", "Working"}:
        return working
    return msgspec.structs.replace(working, reason=last.reason, message=last.message)
