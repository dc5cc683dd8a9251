"""The rules of a schema, evaluated by cel-python exactly where the API server evaluates them.

A rule that names `oldSelf` speaks of a change: it is asked only where the node is there both before and after.
"""

import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import celpy
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError

from shale.contracts.schema import Schema

_ONE_AT_A_TIME = threading.Lock()
"""cel-python's parser is one object for the process, and callers validate in threads."""


def broken(schema: Schema, new: object, old: object | None = None) -> list[str]:
    """Return `path: message` of every rule that does not hold for `new`, which is of the schema's shape."""
    with _ONE_AT_A_TIME:
        return list(_walk(schema, new, old, ""))


def _walk(schema: Schema, new: object, old: object | None, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if not ("oldSelf" in rule["rule"] and old is None) and not _holds(rule["rule"], new, old):
            yield f"{path}: {rule['message']}" if path else rule["message"]
    for key, below, value in _children(schema, new):
        before: object | None = old.get(key) if isinstance(old, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        at = key if not path or key.startswith("[") else f".{key}"
        yield from _walk(below, value, before, path + at)  # pyright: ignore[reportUnknownArgumentType]


def _children(schema: Schema, node: Any) -> Iterator[tuple[str, Schema, object]]:  # noqa: ANN401 (any JSON value)
    properties: dict[str, Schema] = schema.get("properties", {})
    other: Schema | None = schema.get("additionalProperties")
    if isinstance(node, dict):
        for key, value in node.items():  # pyright: ignore[reportUnknownVariableType]
            below = properties.get(key, other)  # pyright: ignore[reportUnknownArgumentType]
            if isinstance(below, dict):
                yield key, below, value
    if isinstance(node, list):
        for index, value in enumerate(node):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield f"[{index}]", schema["items"], value


def _holds(rule: str, new: object, old: object | None) -> bool:
    world = {"self": json_to_cel(new), "oldSelf": json_to_cel(old)}  # pyright: ignore[reportArgumentType]
    try:
        return bool(_program(rule).evaluate(world))  # pyright: ignore[reportArgumentType]
    except CELEvalError:
        # The API server refuses what a rule cannot be evaluated on, with the rule's own message.
        return False


@cache
def _program(rule: str) -> celpy.Runner:
    environment = celpy.Environment()
    tree = environment.compile(rule)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return environment.program(tree)  # pyright: ignore[reportUnknownMemberType]
