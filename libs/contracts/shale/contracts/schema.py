"""Struct -> schema, as plain data: the structural openAPIV3 schema of a CRD, and JSON Schema for messages.

Structural schemas have everything inline and no defaults: an empty default that breaks a CEL rule makes the API server
refuse the whole CRD, and a spec is kept as its user wrote it.
"""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import inspect

from shale.contracts.resources.meta import Condition, Metadata, Rule

Schema = dict[str, Any]

_LIMITS = {
    "ge": "minimum",
    "le": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}
_NUMBERS: dict[type, Schema] = {
    inspect.IntType: {"type": "integer", "format": "int64"},
    inspect.FloatType: {"type": "number"},
}
_ITEM_LIMITS = {"min_length": "minItems", "max_length": "maxItems"}
_KEY_LIMITS = {"min_length": "minProperties", "max_length": "maxProperties"}


def structural(struct: type[Any]) -> Schema:
    """Return the structural schema of a Struct class; `TypeError` names what no CRD can say.

    The `rules` of every Struct class stand at its node as `x-kubernetes-validations`.
    """
    return _struct(inspect.StructType(struct, fields=_fields(struct)))


def message(struct: type[Any]) -> Schema:
    """Return the JSON Schema (2020-12) of a message."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(struct)}


def _fields(struct: type[Any]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{struct} is not a Struct")
    return info.fields


def _struct(type_: inspect.StructType) -> Schema:
    required = [field.encode_name for field in type_.fields if field.required]
    rules: tuple[Rule, ...] = getattr(type_.cls, "rules", ())
    schema: Schema = {"type": "object"}
    if summary := _summary(type_.cls):
        schema["description"] = summary
    schema["properties"] = {field.encode_name: _node(field.type) for field in type_.fields}
    if required:
        schema["required"] = required
    if rules:
        schema["x-kubernetes-validations"] = [{"rule": rule.rule, "message": rule.message} for rule in rules]
    return schema


def _summary(struct: type[Any]) -> str:
    return (struct.__doc__ or "").strip().split("\n", 1)[0]


def _node(type_: inspect.Type) -> Schema:
    match type_:
        case inspect.StructType():
            # The API server owns ObjectMeta: a CRD may not describe it.
            return {"type": "object"} if type_.cls is Metadata else _struct(type_)
        case inspect.StrType():
            return {"type": "string", **_limits(type_, _LIMITS)}
        case inspect.Metadata():
            return _node(type_.type) | _known(type_)
        case inspect.IntType() | inspect.FloatType():
            return {**_NUMBERS[type(type_)], **_limits(type_, _LIMITS)}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.LiteralType():
            return {"type": "string", "enum": sorted(str(value) for value in type_.values)}
        case inspect.VarTupleType():
            return _array(type_)
        case inspect.DictType():
            return {"type": "object", "additionalProperties": _node(type_.value_type), **_limits(type_, _KEY_LIMITS)}
        case inspect.UnionType():
            return _union(type_)
        case _:
            raise TypeError(
                f"no structural schema for {type_}: use a Struct, str, int, float, bool, Literal, tuple or dict"
            )


def _known(type_: inspect.Metadata) -> Schema:
    """Return the words of an open set, which an object's schema closes."""
    extra = cast("dict[str, Sequence[str]]", type_.extra or {})  # pyright: ignore[reportUnknownMemberType]
    return {"enum": sorted(extra["enum"])} if "enum" in extra else {}


def _array(type_: inspect.VarTupleType) -> Schema:
    item = type_.item_type
    schema: Schema = {"type": "array", "items": _node(item), **_limits(type_, _ITEM_LIMITS)}
    if isinstance(item, inspect.StructType) and item.cls is Condition:
        return {**schema, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    return {**schema, "x-kubernetes-list-type": "atomic"}


def _union(union: inspect.UnionType) -> Schema:
    """Print `X | None` as an optional X, and literals beside literals as one enum."""
    kinds: Sequence[inspect.Type] = [kind for kind in union.types if not isinstance(kind, inspect.NoneType)]
    literals = [kind for kind in kinds if isinstance(kind, inspect.LiteralType)]
    if len(kinds) == 1:
        return _node(kinds[0])
    if len(literals) == len(kinds):
        return _node(inspect.LiteralType(tuple(value for kind in literals for value in kind.values)))
    raise TypeError(
        f"no structural schema for {union}: a CRD has no unions; use one Struct with optional fields and a rule"
    )


def _limits(type_: inspect.Type, words: dict[str, str]) -> Schema:
    said = {word: getattr(type_, name, None) for name, word in words.items()}
    return {word: value for word, value in said.items() if value is not None}
