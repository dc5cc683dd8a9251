"""Bytes for people, as the columns print them: `6.1/15.2Gi (40%)`."""

_MOST = 999.5
"""What would be printed with four digits comes in the next unit."""
_ROUND = 100
_UNITS = ("", "Ki", "Mi", "Gi", "Ti", "Pi")


def amount(count: int) -> str:
    """Return a number of bytes with three digits or fewer: `512`, `1.5Ki`, `15.2Gi`."""
    value, unit = _scaled(count)
    return _number(value) + _UNITS[unit]


def share(part: int, whole: int) -> str:
    """Return `82%`; nothing of nothing is `0%`."""
    return f"{100 * part // whole if whole else 0}%"


def progress(done: int, total: int) -> str:
    """Return `6.1/15.2Gi (40%)`; all done is the total alone."""
    if done >= total:
        return amount(total)
    _, unit = _scaled(total)
    return f"{_number(done / 1024**unit)}/{amount(total)} ({share(done, total)})"


def _scaled(count: int) -> tuple[float, int]:
    value, unit = float(count), 0
    while value >= _MOST and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return value, unit


def _number(value: float) -> str:
    text = f"{value:.1f}" if value < _ROUND else f"{value:.0f}"
    return text.removesuffix(".0")
