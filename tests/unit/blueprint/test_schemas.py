"""JSON Schemas: one for each type and the envelope; descriptions are summaries."""

import pytest
from jsonschema import Draft202012Validator

from shale.blueprint.examples import EXAMPLES
from shale.blueprint.schemas import brief, schemas, struct_of

SCHEMAS = schemas()


def descriptions(node: object) -> list[str]:
    if isinstance(node, list):
        return [line for item in node for line in descriptions(item)]
    if not isinstance(node, dict):
        return []
    own = [node["description"]] if isinstance(node.get("description"), str) else []
    return own + [line for value in node.values() for line in descriptions(value)]


def test_there_is_one_for_each_type_and_one_for_the_envelope():
    assert SCHEMAS.keys() == {"envelope", *EXAMPLES}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_of_2020_12(name: str):
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_descriptions_are_one_line_each(name: str):
    said = descriptions(SCHEMAS[name])
    assert said != []
    assert [line for line in said if "\n" in line or not line] == []


def test_a_declaration_has_the_spec_of_its_kind():
    declared = SCHEMAS["dev.shale.model.declared.v1"]
    assert {"ModelSpec", "ModelStatus"} <= declared["$defs"].keys()
    assert "ModelVersionSpec" not in declared["$defs"]


@pytest.mark.parametrize("type_", EXAMPLES)
def test_the_struct_of_an_example_is_what_it_is_an_instance_of(type_: str):
    struct = struct_of(EXAMPLES[type_])
    assert getattr(struct, "__origin__", struct) is type(EXAMPLES[type_])


def test_a_property_that_is_called_description_is_left_alone():
    schema = {
        "description": "One.\n\nMore.",
        "properties": {"description": {"type": "string", "description": "Two.\nMore."}},
    }
    assert brief(schema) == {
        "description": "One.",
        "properties": {"description": {"type": "string", "description": "Two."}},
    }


def test_lists_are_looked_into():
    assert brief({"anyOf": [{"description": "a\nb"}, 1]}) == {"anyOf": [{"description": "a"}, 1]}
