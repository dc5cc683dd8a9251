"""One object in sections of text, the most urgent first."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from shale.cli import letters
from shale.cli.ages import age, duration
from shale.cli.facts import what
from shale.cli.traces import Found, Moment, Reading
from shale.contracts.amounts import amount
from shale.contracts.resources import ModelVersion, Object
from shale.kube import manifests
from shale.runtime.bus.deadletters import DeadLetter

Row = tuple[str, ...]
_ELSEWHERE = frozenset({"conditions", "layers"})
"""Parts of a status that have sections of their own."""


class Portrait(msgspec.Struct, frozen=True):
    """All that is known of one object; `holders` with what each would leave, `left` with what each did."""

    found: Found
    moments: list[Moment]
    readings: list[Reading]
    holders: dict[str, tuple[str, ...]]
    left: dict[str, tuple[str, ...]]
    letters: list[DeadLetter]


def lines(portrait: Portrait, now: dt.datetime) -> Iterator[str]:
    """Yield it as text."""
    obj = portrait.found.object
    yield from _head(portrait.found, now)
    if obj is not None:
        tree = manifests.of(obj)
        yield from _section("Conditions", _conditions(obj, now))
        yield from _section("Spec", [*_flat(tree.get("spec", {}))])
        status = {key: value for key, value in tree.get("status", {}).items() if key not in _ELSEWHERE}
        yield from _section("Status", [*_flat(status)])
    yield from _section("Working", [_reading(one, now) for one in portrait.readings])
    yield from _section(
        "Held by", [(who, f"would leave {'; '.join(left) or 'nothing'}") for who, left in portrait.holders.items()]
    )
    yield from _section("Left behind", [(who, "; ".join(left)) for who, left in portrait.left.items()])
    yield from _section("Dead letters", [_letter(one, now) for one in portrait.letters])
    if isinstance(obj, ModelVersion):
        yield from _section("Layers", [*_layers(obj)])
    yield from _section("Timeline", [*_timeline(portrait.moments)])


def _head(found: Found, now: dt.datetime) -> Iterator[str]:
    about, obj = found.about, found.object
    yield f"{about.kind} {about.namespace}/{about.name}"
    rows: list[Row] = [("uid", about.uid)]
    if obj is None:
        rows.append(("state", "is not there any more: this is what is remembered of it"))
    else:
        meta = obj.metadata
        rows.append(("generation", str(meta.generation)))
        rows.append(("created", f"{meta.creation_timestamp} ({age(meta.creation_timestamp, now)} ago)"))
        rows += [("owner", f"{owner.kind} {owner.name}".lower()) for owner in meta.owner_references]
        rows += [("deleting", f"since {age(meta.deletion_timestamp, now)}")] if meta.deletion_timestamp else []
    yield from _table(rows)


def _section(title: str, rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        yield ""
        yield f"{title}:"
        yield from _table(rows)


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield rows whose columns stand below one another; the last one is as wide as it is."""
    many = max(len(row) for row in rows)
    widths = [max((len(row[at]) for row in rows if at < len(row) - 1), default=0) for at in range(many)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        yield "  " + "  ".join((*cells, row[-1])).rstrip()


def _conditions(obj: Object, now: dt.datetime) -> list[Row]:
    return [
        (one.type, one.status, age(one.last_transition_time, now), one.reason, one.message)
        for one in obj.status.conditions
    ]


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[Row]:
    """Yield `storage.localStorage.path  /models/x`, one row per value."""
    for key, value in tree.items():
        match value:
            case dict():
                yield from _flat(value, f"{above}{key}.")  # pyright: ignore[reportUnknownArgumentType]
            case list():
                yield from _flat({f"{key}[{at}]": one for at, one in enumerate(value)}, above)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            case _:
                yield f"{above}{key}", _value(key, value)


def _value(key: str, value: Any) -> str:  # noqa: ANN401 (any JSON value)
    return f"{value} ({amount(value)})" if key.startswith("bytes") and isinstance(value, int) else str(value)


def _reading(reading: Reading, now: dt.datetime) -> Row:
    again = reading.next_at - now.timestamp()
    soon = f"; again in {duration(again)}" if reading.next_at and again > 0 else ""
    attempt = f", attempt {reading.attempt}" if reading.attempt > 1 else ""
    return reading.part, reading.state + attempt, what(reading).partition(f"{reading.state}")[2].strip() + soon


def _letter(letter: DeadLetter, now: dt.datetime) -> Row:
    return str(letter.id), age(letter.time, now), letters.word_of(letter), f"by {letter.service}: {letter.why}"


def _layers(version: ModelVersion) -> Iterator[Row]:
    for layer in version.status.layers:
        yield layer.name, layer.digest, amount(layer.size), "reused" if layer.reused else "new"


def _timeline(moments: Sequence[Moment]) -> Iterator[Row]:
    before: dt.datetime | None = None
    for one in moments:
        time = _time(one.time)
        passed = f"+{(time - before).total_seconds():.1f}s" if time and before else ""
        before = time or before
        generation = f"#{one.fact.about.generation}" if one.fact.about.generation else ""
        yield one.time, passed, generation, type(one.fact).__name__, what(one.fact)


def _time(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None
