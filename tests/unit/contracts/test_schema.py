"""From Structs to schemas."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest

from shale.contracts.facts import LayerPacked
from shale.contracts.openset import words
from shale.contracts.resources import KINDS
from shale.contracts.resources.meta import Condition, Metadata, Rule
from shale.contracts.schema import Schema, message, structural


class Inner(msgspec.Struct, rename="camel"):
    """Something inside.

    This paragraph is for who reads the code.
    """

    some_name: Annotated[str, msgspec.Meta(min_length=1, max_length=9, pattern="^a")]

    rules: ClassVar[tuple[Rule, ...]] = (Rule("self.someName != 'b'", "no b"),)


class Everything(msgspec.Struct, rename="camel"):
    """All that a CRD can say."""

    metadata: Metadata
    count: Annotated[int, msgspec.Meta(ge=0, le=9)]
    share: float = 0.5
    on: bool = False
    inner: Inner | None = None
    word: Literal["b", "a"] = "a"
    phase: Literal["x", "y", ""] = ""
    open: Annotated[str, words("z", "a")] = "a"
    names: Annotated[tuple[str, ...], msgspec.Meta(max_length=3)] = ()
    config: Annotated[dict[str, Annotated[str, msgspec.Meta(max_length=5)]], msgspec.Meta(max_length=2)] = {}
    conditions: tuple[Condition, ...] = ()

    rules: ClassVar[tuple[Rule, ...]] = (Rule("self.count >= oldSelf.count", "may only rise"),)


def node(*path: str) -> Schema:
    schema: Any = structural(Everything)
    for step in path:
        schema = schema[step]
    return schema


PRINTED = [
    ("count", {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9}),
    ("share", {"type": "number"}),
    ("on", {"type": "boolean"}),
    ("word", {"type": "string", "enum": ["a", "b"]}),
    ("phase", {"type": "string", "enum": ["", "x", "y"]}),
    ("open", {"type": "string", "enum": ["a", "z"]}),
    ("metadata", {"type": "object"}),
    ("names", {"type": "array", "items": {"type": "string"}, "maxItems": 3, "x-kubernetes-list-type": "atomic"}),
    (
        "config",
        {"type": "object", "additionalProperties": {"type": "string", "maxLength": 5}, "maxProperties": 2},
    ),
]


@pytest.mark.parametrize(("field", "printed"), PRINTED, ids=[field for field, _ in PRINTED])
def test_a_field_is_printed(field, printed):
    assert node("properties", field) == printed


def test_a_struct_is_printed_in_place_with_its_rules_and_one_line_of_its_docstring():
    assert node("properties", "inner") == {
        "type": "object",
        "description": "Something inside.",
        "properties": {"someName": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a"}},
        "required": ["someName"],
        "x-kubernetes-validations": [{"rule": "self.someName != 'b'", "message": "no b"}],
    }


def test_what_has_a_default_is_not_required_and_the_default_is_not_printed():
    assert node("required") == ["metadata", "count"]
    assert "default" not in msgspec.json.encode(structural(Everything)).decode()


def test_rules_of_the_root_stand_at_the_root():
    assert node("x-kubernetes-validations") == [{"rule": "self.count >= oldSelf.count", "message": "may only rise"}]


def test_conditions_are_a_map_by_type():
    printed = node("properties", "conditions")
    assert printed["x-kubernetes-list-type"] == "map"
    assert printed["x-kubernetes-list-map-keys"] == ["type"]
    assert "type" in printed["items"]["required"]


class Vague(msgspec.Struct):
    anything: Any


class Either(msgspec.Struct):
    value: str | int


@pytest.mark.parametrize(
    ("struct", "why"), [(Vague, "no structural schema"), (Either, "a CRD has no unions"), (int, "is not a Struct")]
)
def test_what_no_crd_can_say_is_refused(struct, why):
    with pytest.raises(TypeError, match=why):
        structural(struct)


def test_a_struct_without_a_docstring_has_no_description():
    class Bare(msgspec.Struct):
        name: str

    assert "description" not in structural(Bare)


def nodes(schema: Schema) -> list[Schema]:
    below = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    return [schema, *(one for child in below if isinstance(child, dict) for one in nodes(child))]


@pytest.mark.parametrize("word", KINDS)
def test_every_text_list_and_map_of_a_spec_has_a_maximum(word):
    spec = structural(KINDS[word].resource)["properties"]["spec"]
    limits = {"string": ("maxLength", "enum"), "array": ("maxItems",), "object": ("maxProperties", "properties")}
    for one in nodes(spec):
        assert any(limit in one for limit in limits.get(one["type"], ("type",))), one


@pytest.mark.parametrize("word", KINDS)
def test_every_list_of_a_status_has_a_maximum(word):
    status = structural(KINDS[word].resource)["properties"]["status"]
    assert all("maxItems" in one for one in nodes(status) if one["type"] == "array")


@pytest.mark.parametrize("word", KINDS)
def test_every_node_of_a_kind_has_a_type_and_none_has_a_default_or_a_title(word):
    for one in nodes(structural(KINDS[word].resource)):
        assert "type" in one
        assert not {"default", "title", "$ref", "anyOf", "nullable"} & one.keys()


def test_a_message_has_a_plain_json_schema():
    printed = message(LayerPacked)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "LayerPacked" in printed["$ref"]
