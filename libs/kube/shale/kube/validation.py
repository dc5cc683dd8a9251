"""Is this object as its kind's schema wants it? The same answer as an API server's, from the same schema.

What evaluates is imported when it is first needed (half a second): who only reads does not pay for it.
"""

from collections.abc import Mapping
from functools import cache

from shale.contracts import schema as schemas
from shale.contracts.resources import Kind
from shale.contracts.resources.meta import Metadata
from shale.contracts.schema import Schema
from shale.kube.record import Tree


def complaints(kind: Kind, new: Tree, old: Tree | None = None) -> list[str]:
    """Say what is wrong with the whole object `new` (no status); with `old` also what may not change so.

    Rules are asked only of what has the right shape, as the API server does.
    """
    from shale.kube import cel, shape  # noqa: PLC0415 (see above)

    return shape.complaints(_strict(kind), new) or cel.broken(_printed(kind), new, old)


def envelope(kind: Kind, manifest: Mapping[str, object]) -> list[str]:
    """Say what is wrong outside of spec and status: unknown fields, metadata of the wrong shape."""
    from shale.kube import shape  # noqa: PLC0415

    strict = _strict(kind)
    loose = {**strict["properties"], "spec": {"type": "object"}, "status": {"type": "object"}}
    return shape.complaints({**strict, "properties": loose, "required": ["metadata"]}, manifest)


def status_complaints(kind: Kind, status: Tree) -> list[str]:
    """Say what is wrong with a status."""
    from shale.kube import cel, shape  # noqa: PLC0415

    found = shape.complaints(_strict(kind)["properties"]["status"], status, "status")
    return found or cel.broken(_printed(kind)["properties"]["status"], status)


@cache
def _printed(kind: Kind) -> Schema:
    return schemas.structural(kind.resource)


@cache
def _strict(kind: Kind) -> Schema:
    """Return the printed schema with metadata spelled out and unknown fields refused (fieldValidation=Strict)."""
    printed = _printed(kind)
    metadata = {**schemas.structural(Metadata), "required": ["name"]}
    return _closed({**printed, "properties": {**printed["properties"], "metadata": metadata}})


def _closed(schema: Schema) -> Schema:
    closed = dict(schema)
    if "properties" in schema:
        closed["properties"] = {name: _closed(below) for name, below in schema["properties"].items()}
        closed["additionalProperties"] = False
    if "items" in schema:
        closed["items"] = _closed(schema["items"])
    return closed
