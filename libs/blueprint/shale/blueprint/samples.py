"""Golden samples: what once travelled must be read for ever. None is changed; a new shape adds a new one."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from shale.blueprint.examples import EXAMPLES
from shale.contracts.envelope import Message, unwrap, wrap

_NOW = 1_795_176_000.0
"""2026-11-20T12:00:00Z: every sample was said then."""


def encoded(message: Message) -> str:
    """Return a message as it travels, indented for people."""
    return pretty(wrap(message, "sample", _NOW, seq=7))


def pretty(encoded_message: bytes) -> str:
    """Return one JSON document, indented, with its line's end."""
    return msgspec.json.format(encoded_message, indent=2).decode() + "\n"


def added(committed: Mapping[str, str]) -> dict[str, str]:
    """Return the samples that are wanting, by file name: of types without one, or encoded otherwise by now."""
    new: dict[str, str] = {}
    for type_, message in EXAMPLES.items():
        text, mine = encoded(message), {name: said for name, said in committed.items() if type_in(name) == type_}
        if text not in mine.values():
            new[_free(type_, mine)] = text
    return new


def type_in(name: str) -> str:
    """Return the type that a sample's file name tells: `<type>.json`, later ones `<type>.2.json`, `<type>.3.json`."""
    stem = name.removesuffix(".json")
    base, _, number = stem.rpartition(".")
    return base if number.isdecimal() else stem


def _free(type_: str, taken: Mapping[str, str]) -> str:
    names = [f"{type_}.json", *(f"{type_}.{number}.json" for number in range(2, len(taken) + 2))]
    return next(name for name in names if name not in taken)


def unread(text: str) -> tuple[str, ...]:
    """Return what of a sample today's Structs do not read as it was said, one line each; empty when all of it is."""
    try:
        envelope, message = unwrap(text.encode())
    except ValueError as error:
        return (f"is not decoded any more: {error}",)
    if message is None:
        return (f"has type {envelope.type}, which is not known any more",)
    said: dict[str, Any] = msgspec.json.decode(text)
    data = said.pop("data")
    return (*lost(said, envelope, "envelope"), *lost(data, message, "data"))


def lost(said: object, read: object, where: str) -> Iterator[str]:
    """Yield what was said and is not read as the same, one line each; what is read beyond it came later."""
    if isinstance(said, dict) and isinstance(read, msgspec.Struct):
        names = {field.encode_name: field.name for field in msgspec.structs.fields(read)}
        for key, value in cast("dict[str, object]", said).items():
            if key in names:
                yield from lost(value, getattr(read, names[key]), f"{where}.{key}")
            else:
                yield f"holds {where}.{key}, which is not read any more"
    elif (
        isinstance(said, list)
        and isinstance(read, tuple)
        and len(cast("list[Any]", said)) == len(cast("tuple[Any]", read))
    ):
        for index, (one, other) in enumerate(zip(cast("list[object]", said), cast("tuple[object]", read), strict=True)):
            yield from lost(one, other, f"{where}[{index}]")
    elif said != msgspec.to_builtins(read):
        yield f"says {where} {said!r}, and is read as {read!r}"
