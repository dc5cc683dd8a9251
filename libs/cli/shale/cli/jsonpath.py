"""The JSONPath that printer columns use: `.a.b`, and `[?(@.type=='Ready')]`; the same that an API server evaluates."""

import re
from functools import cache
from typing import Any

_STEP = re.compile(r"\.(?P<field>[A-Za-z_][\w-]*)|\[\?\(@\.(?P<key>\w+)\s*==\s*['\"](?P<value>[^'\"]*)['\"]\)\]")

Step = tuple[str, str]
"""(field, "") or (key, value) of a filter."""


def find(path: str, tree: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Return what lies at `path`, of several the first; None when nothing does. ValueError when it is no such path."""
    found = [tree]
    for first, value in _steps(path):
        found = _filtered(found, first, value) if value else _field(found, first)
    return found[0] if found else None


def _field(nodes: list[Any], name: str) -> list[Any]:
    return [node[name] for node in nodes if isinstance(node, dict) and name in node]


def _filtered(nodes: list[Any], key: str, value: str) -> list[Any]:
    items: list[Any] = [item for node in nodes if isinstance(node, list) for item in node]  # pyright: ignore[reportUnknownVariableType]
    return [item for item in items if isinstance(item, dict) and item.get(key) == value]  # pyright: ignore[reportUnknownMemberType]


@cache
def _steps(path: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise ValueError(
                f"{path!r} is not a column's path: at {path[at:]!r} expected .field or [?(@.key=='value')]"
            )
        steps.append((step["field"] or step["key"], step["value"] or ""))
        at = step.end()
    return tuple(steps)
