"""What the last reading of a work says to who comes next: who is at work now, and what died before; pure."""

import msgspec

from shale.runtime.plane import Mark

MAX_ATTEMPTS = 3
"""A worker that died of its input says nothing: the third attempt left at Working is the last (events.md)."""
MAX_NAK = 60.0
STALE = 30.0
"""Seconds without a word after which who was at work counts as dead; who works repeats it three times as often."""


class Before(msgspec.Struct, frozen=True):
    """What was before this attempt."""

    attempt: int
    """Which attempt the next one is; 0 when none was begun: it is the first."""
    wait: float = 0
    """Seconds until it may begin: somebody else is at work, or it failed just now."""
    busy: bool = False
    """Somebody else is at work, and alone speaks of it."""
    error: str = ""
    """What the last attempt failed of, if it said so."""


def before(mark: Mark, *, job: bool, now: float, stale: float) -> Before:
    """Return what was before, given the last reading.

    A Working that was left behind is an attempt that died, however many messages tell of it: whoever takes it up first
    writes the next number there. That it was left behind is told by its age. A job is in one worker's hands: when it
    comes again, nobody else has it. One with `next_at` failed of what nobody foresaw, and is tried again then.
    """
    last = mark.reading
    if last is None:
        return Before(0)
    if last.state != "Working":
        return Before(max(0, last.attempt))
    attempt = max(0, last.attempt) + 1
    if last.next_at:
        return Before(attempt, min(MAX_NAK, max(0.0, last.next_at - now)), error=last.error)
    if job or mark.age >= stale:
        return Before(attempt, error=last.error)
    return Before(attempt, stale - mark.age, busy=True, error=last.error)
