"""What may change in a published schema: fields with a default are added, and nothing else."""

from typing import Any

import pytest

from shale.blueprint.evolution import breaks

CURE = "keep it, and say the new thing in a new field"


def schema(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {
        "$ref": "#/$defs/It",
        "$defs": {"It": {"type": "object", "properties": properties, "required": required or []}},
    }


def both(old: Any, new: Any) -> tuple[str, ...]:
    return breaks(schema({"x": old}), schema({"x": new}))


TEXT = {"type": "string"}
NOTHING = {"type": "null"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param({**TEXT, "description": "One."}, {**TEXT, "description": "Two."}, id="another description"),
        pytest.param({**TEXT, "title": "A"}, TEXT, id="no title any more"),
        pytest.param({"anyOf": [TEXT, NOTHING]}, {"anyOf": [TEXT, NOTHING]}, id="the same choices"),
        pytest.param({"default": {"a": 1}}, {"default": {"a": 1, "b": 2}}, id="a default that grows with its Struct"),
    ],
)
def test_it_is_allowed(old: Any, new: Any):
    assert both(old, new) == ()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        pytest.param(TEXT, {"type": "integer"}, "data.x had type string, and has integer", id="another type"),
        pytest.param(
            {"enum": ["a", "b"]}, {"enum": ["a"]}, "data.x had enum ['a', 'b'], and has ['a']", id="a value fewer"
        ),
        pytest.param({"enum": ["a"]}, {"enum": ["a", "b"]}, "data.x had enum", id="a value more, for old readers"),
        pytest.param(TEXT, {**TEXT, "maxLength": 9}, "data.x had maxLength nothing, and has 9", id="a new limit"),
        pytest.param(
            {"maxLength": 9}, {"maxLength": 10}, "data.x had maxLength 9", id="a wider limit, for old readers"
        ),
        pytest.param({"default": 1}, {"default": 2}, "data.x had default 1, and has 2", id="another default"),
        pytest.param({"anyOf": [TEXT]}, {"anyOf": [TEXT, NOTHING]}, "data.x was one of 1 types", id="a choice more"),
        pytest.param(
            {"anyOf": [TEXT, NOTHING]},
            {"anyOf": [NOTHING, TEXT]},
            "data.x had type string",
            id="choices in another order",
        ),
        pytest.param(
            {"type": "array", "items": TEXT}, {"type": "array", "items": NOTHING}, "data.x[] had type", id="other items"
        ),
        pytest.param({"items": TEXT}, {"prefixItems": [TEXT]}, "data.x had items", id="another word"),
    ],
)
def test_it_breaks(old: Any, new: Any, complaint: str):
    assert any(line.startswith(complaint) for line in both(old, new)), both(old, new)


def test_a_field_that_is_gone_is_named():
    assert breaks(schema({"x": TEXT}), schema({})) == (f"data.x is gone: {CURE}",)


def test_a_field_with_a_default_may_be_added():
    assert breaks(schema({}), schema({"x": {**TEXT, "default": ""}})) == ()


def test_a_field_that_is_required_may_not_be_added():
    said = "data.x is required now, and old messages lack it: give it a default"
    assert breaks(schema({}), schema({"x": TEXT}, ["x"])) == (said,)


def test_a_required_field_stays_required():
    said = "data.x is no longer required, and old readers need it: take its default away"
    assert breaks(schema({"x": TEXT}, ["x"]), schema({"x": TEXT})) == (said,)


def test_a_required_field_that_is_gone_is_one_complaint():
    assert breaks(schema({"x": TEXT}, ["x"]), schema({})) == (f"data.x is gone: {CURE}",)


def test_definitions_may_be_renamed_but_not_changed():
    old: dict[str, Any] = {
        "$ref": "#/$defs/A",
        "$defs": {"A": {"properties": {"in": {"$ref": "#/$defs/B"}}}, "B": {"properties": {"x": TEXT}}},
    }
    renamed: dict[str, Any] = {
        "$ref": "#/$defs/C",
        "$defs": {"C": {"properties": {"in": {"$ref": "#/$defs/D"}}}, "D": {"properties": {"x": TEXT}}},
    }
    changed = {**renamed, "$defs": {**renamed["$defs"], "D": {"properties": {"x": NOTHING}}}}
    assert breaks(old, renamed) == ()
    assert breaks(old, changed) == (f"data.in.x had type string, and has null: {CURE}",)


def test_a_field_may_have_the_name_of_a_word():
    assert breaks(schema({"required": TEXT, "description": TEXT}), schema({"required": TEXT})) == (
        f"data.description is gone: {CURE}",
    )
