"""The law of compatibility, on real Structs: a field with a default may be added, nothing else may change."""

from typing import Any

import msgspec
import pytest

from shale.blueprint.evolution import breaks
from shale.blueprint.examples import EXAMPLES
from shale.blueprint.schemas import schemas, struct_of
from shale.contracts.about import About
from shale.contracts.artifact import PackedLayer
from shale.contracts.schema import message

AS_PUBLISHED: list[tuple[str, Any]] = [("about", About), ("part", str), ("layer", PackedLayer), ("state", int)]


def struct(fields: list[Any]) -> type[msgspec.Struct]:
    return msgspec.defstruct("LayerPacked", fields, frozen=True, rename="camel")


def change(fields: list[Any]) -> tuple[str, ...]:
    return breaks(message(struct(AS_PUBLISHED)), message(struct(fields)))


@pytest.mark.parametrize("type_", EXAMPLES)
def test_a_type_that_did_not_change_breaks_nothing(type_: str):
    assert breaks(schemas()[type_], message(struct_of(EXAMPLES[type_]))) == ()


@pytest.mark.parametrize("type_", EXAMPLES)
def test_every_type_may_grow_by_a_field_with_a_default(type_: str):
    old, new = schemas()[type_], message(struct_of(EXAMPLES[type_]))
    new["$defs"][new["$ref"].rpartition("/")[2]]["properties"]["cameLater"] = {"type": "string", "default": ""}
    assert breaks(old, new) == ()
    assert breaks(new, old) == ("data.cameLater is gone: keep it, and say the new thing in a new field",)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        pytest.param([*AS_PUBLISHED, ("later", int, 0)], None, id="a field with a default is added"),
        pytest.param(AS_PUBLISHED[::-1], None, id="fields stand in another order"),
        pytest.param(AS_PUBLISHED[:3], "data.state is gone", id="a field is removed"),
        pytest.param([*AS_PUBLISHED[:3], ("stage", int)], "data.state is gone", id="a field is renamed"),
        pytest.param(
            [*AS_PUBLISHED, ("later", int)], "data.later is required now", id="a field without default is added"
        ),
        pytest.param([*AS_PUBLISHED[:3], ("state", int, 0)], "no longer required", id="a field is given a default"),
        pytest.param([*AS_PUBLISHED[:3], ("state", str)], "data.state had type integer", id="a field has another type"),
        pytest.param(
            [*AS_PUBLISHED[:2], ("layer", About), AS_PUBLISHED[3]], "data.layer.digest is gone", id="a deeper field"
        ),
    ],
)
def test_a_change_of_a_struct(fields: list[Any], complaint: str | None):
    said = change(fields)
    assert said == () if complaint is None else any(complaint in line for line in said)
