"""The JSON Schema (2020-12) of every message that travels, and of the envelope around it."""

from typing import Any, cast

from shale.blueprint.examples import EXAMPLES
from shale.contracts.envelope import Envelope, Message
from shale.contracts.facts import Declared
from shale.contracts.resources import KINDS
from shale.contracts.schema import message

Schema = dict[str, Any]


def struct_of(example: Message) -> type[Any]:
    """Return the Struct class that decodes messages like this one: `Declared` has one for each kind."""
    if isinstance(example, Declared):
        kind = KINDS[example.about.kind]
        return Declared[kind.spec, kind.status]
    return type(example)


def schemas() -> dict[str, Schema]:
    """Return the schema of each type's data, by type, and that of the `envelope`."""
    data = {type_: message(struct_of(example)) for type_, example in EXAMPLES.items()}
    return {name: brief(schema) for name, schema in {"envelope": message(Envelope), **data}.items()}


def brief(schema: Schema) -> Schema:
    """Return the schema with the first line of each description: the summary, as the docstring has it."""
    return {key: _brief(key, value) for key, value in schema.items()}


def _brief(key: str, value: object) -> object:
    if key == "description" and isinstance(value, str):
        return value.split("\n", 1)[0]
    if isinstance(value, dict):
        return brief(cast("Schema", value))
    if isinstance(value, list):
        return [_brief("", item) for item in cast("list[object]", value)]
    return value
