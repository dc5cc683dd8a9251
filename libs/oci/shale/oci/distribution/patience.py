"""How long we wait, how often we try, and what a registry asks of us (`Retry-After`). Waiting itself is handed in."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that pass by themselves."""

_LONGEST_AFTER = 3600.0


class Patience(msgspec.Struct, frozen=True):
    """Bounds in seconds; `tries` counts the first. A thread waits here only so long as a layer may stand still."""

    tries: int = 5
    first: float = 0.5
    longest: float = 8.0
    connect: float = 10.0
    read: float = 30.0
    """How long nobody may say nothing, or next to nothing: a whole head, then `transport.PIECE` of a body."""
    silence: float = 10.0
    """How long who was silent is not asked again."""
    commit: float = 900.0
    """S3-backed registries copy a large blob before they answer its last PUT (distribution #886)."""

    def delays(self) -> Iterator[float]:
        """Return the waits between the tries: doubling, and never two clients in step."""
        delay = self.first
        for _ in range(self.tries - 1):
            yield delay * random.uniform(0.5, 1.0)  # noqa: S311 (it spreads, it guards nothing)
            delay = min(delay * 2, self.longest)


def asked(retry_after: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a `Retry-After` asks for, given as such or as a date; None when it asks for nothing."""
    text = (retry_after or "").strip()
    if text.isdecimal():
        return min(float(text), _LONGEST_AFTER)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # of a year, or a zone, that no clock knows
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - (now or datetime.now(UTC))).total_seconds(), 0.0), _LONGEST_AFTER)
