"""Objects as rows of a table, by the printer columns of their kind."""

import datetime as dt
from typing import Any

from shale.cli.ages import age
from shale.cli.jsonpath import find
from shale.contracts.resources import Column, Kind

Tree = dict[str, Any]


def header(kind: Kind, *, wide: bool, namespaces: bool) -> tuple[str, ...]:
    """Return the columns' names; the namespace only when there are several."""
    return (*(("Namespace",) if namespaces else ()), "Name", *(column.name for column in _columns(kind, wide=wide)))


def row(kind: Kind, tree: Tree, now: dt.datetime, *, wide: bool, namespaces: bool) -> tuple[str, ...]:
    """Return one object's cells; `-` for what it does not say."""
    metadata = tree["metadata"]
    cells = tuple(cell(column, tree, now) for column in _columns(kind, wide=wide))
    return (*((metadata["namespace"],) if namespaces else ()), metadata["name"], *cells)


def cell(column: Column, tree: Tree, now: dt.datetime) -> str:
    """Return what one column says of an object."""
    value = find(column.path, tree)
    if value is None or value == "":
        return "-"
    return age(str(value), now) if column.type == "date" else str(value)


def _columns(kind: Kind, *, wide: bool) -> tuple[Column, ...]:
    return tuple(column for column in kind.columns if wide or column.priority == 0)
