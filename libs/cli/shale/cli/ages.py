"""Ages as people read them."""

import datetime as dt

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400


def age(since: str, now: dt.datetime) -> str:
    """Return how long ago an RFC 3339 time was: `31s`, `1m34s`, `12m`, `3h20m`, `2d`; `-` when it is no time."""
    try:
        then = dt.datetime.fromisoformat(since)
        return duration((now - then).total_seconds())
    except (ValueError, TypeError):
        return "-"


def duration(seconds: float) -> str:
    """Return a duration in at most two units, the second only while it matters."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return _two(whole, _MINUTE, "m", 1, "s", below=10)
    if whole < _DAY:
        return _two(whole, _HOUR, "h", _MINUTE, "m", below=8)
    if whole < _YEAR:
        return _two(whole, _DAY, "d", _HOUR, "h", below=3)
    return _two(whole, _YEAR, "y", _DAY, "d", below=2)


def _two(whole: int, unit: int, word: str, small: int, small_word: str, *, below: int) -> str:  # noqa: PLR0913 (a table's row)
    count, rest = whole // unit, whole % unit // small
    return f"{count}{word}{rest}{small_word}" if count < below and rest else f"{count}{word}"
