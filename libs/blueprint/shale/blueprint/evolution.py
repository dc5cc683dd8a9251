"""What may change in a published message: fields with a default are added, and nothing else (events.md, the envelope).

Old readers must read new messages and new readers old ones, for the facts have no age. So nothing is removed, renamed,
narrowed or required; and nothing is widened either: who was compiled with three values of a Literal refuses the fourth.
"""

from collections.abc import Iterator
from typing import Any, cast

Schema = dict[str, Any]

_WORDS = {"$comment", "$defs", "$schema", "description", "title"}
"""What says nothing about the bytes."""
_MISSING = "nothing"
_CURE = "keep it, and say the new thing in a new field"


def breaks(old: Schema, new: Schema) -> tuple[str, ...]:
    """Return what in `new` would break readers or writers of `old`, one line each; empty when it only adds."""
    return tuple(_node(_inlined(old, old), _inlined(new, new), "data"))


def _inlined(node: object, root: Schema) -> Any:  # noqa: ANN401 (a schema's node is any JSON)
    """Put each definition where it is referred to; messages hold no recursive types."""
    if isinstance(node, list):
        return [_inlined(item, root) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    schema = cast("Schema", node)
    inline = {key: _inlined(value, root) for key, value in schema.items() if key not in {"$ref", "$defs"}}
    if "$ref" not in schema:
        return inline
    return {**_inlined(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root), **inline}


def _node(old: Schema, new: Schema, where: str) -> Iterator[str]:
    yield from _fields(old, new, where)
    for word in sorted((old.keys() | new.keys()) - _WORDS - {"properties", "required"}):
        yield from _word(old.get(word, _MISSING), new.get(word, _MISSING), where, word)


def _fields(old: Schema, new: Schema, where: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before:
        if name in after:
            yield from _node(before[name], after[name], f"{where}.{name}")
        else:
            yield f"{where}.{name} is gone: {_CURE}"
    must, had_to = set(new.get("required", ())), set(old.get("required", ()))
    for name in sorted(must - had_to):
        yield f"{where}.{name} is required now, and old messages lack it: give it a default"
    for name in sorted((had_to - must) & after.keys()):
        yield f"{where}.{name} is no longer required, and old readers need it: take its default away"


def _word(old: object, new: object, where: str, word: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        if word != "default":  # a Struct's default grows with the Struct
            yield from _node(cast("Schema", old), cast("Schema", new), f"{where}[]" if word == "items" else where)
    elif word == "anyOf" and isinstance(old, list) and isinstance(new, list):
        yield from _choices(cast("list[Schema]", old), cast("list[Schema]", new), where)
    elif old != new:
        yield f"{where} had {word} {old}, and has {new}: {_CURE}"


def _choices(old: list[Schema], new: list[Schema], where: str) -> Iterator[str]:
    if len(old) != len(new):
        yield f"{where} was one of {len(old)} types, and is one of {len(new)}: {_CURE}"
        return
    for before, after in zip(old, new, strict=True):
        yield from _node(before, after, where)
