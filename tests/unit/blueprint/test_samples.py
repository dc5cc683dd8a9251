"""Golden samples: added, never changed; read as they were said."""

import json

import msgspec
import pytest

from shale.blueprint import samples
from shale.blueprint.examples import EXAMPLES

TYPE = "dev.shale.modelversion.image-built.v1"
TODAY = samples.encoded(EXAMPLES[TYPE])
ALL = {f"{type_}.json": samples.encoded(example) for type_, example in EXAMPLES.items()}


def without(name: str, *more: str) -> dict[str, str]:
    return {key: text for key, text in ALL.items() if key not in {name, *more}}


def changed(where: str, value: object) -> str:
    """Return today's sample with one field set, by its dotted path."""
    said = json.loads(TODAY)
    node = said
    *outer, last = where.split(".")
    for key in outer:
        node = node[int(key)] if isinstance(node, list) else node[key]
    node[last] = value
    return json.dumps(said)


def test_the_same_message_is_always_encoded_to_the_same_sample():
    assert samples.encoded(msgspec.structs.replace(EXAMPLES[TYPE])) == TODAY
    assert TODAY.endswith("}\n")


def test_where_there_are_none_one_of_each_type_is_added():
    assert samples.added({}) == ALL


def test_where_there_are_all_none_is_added():
    assert samples.added(ALL) == {}


def test_a_type_that_is_encoded_otherwise_gets_another_sample_beside_the_first():
    assert samples.added({**ALL, f"{TYPE}.json": "{}"}) == {f"{TYPE}.2.json": TODAY}


def test_and_a_third_beside_the_second():
    old = {**ALL, f"{TYPE}.json": "{}", f"{TYPE}.2.json": "[]"}
    assert samples.added(old) == {f"{TYPE}.3.json": TODAY}


def test_a_type_that_is_encoded_as_in_its_second_sample_needs_no_other():
    assert samples.added({**ALL, f"{TYPE}.json": "{}", f"{TYPE}.2.json": TODAY}) == {}


def test_a_lost_first_sample_is_added_under_its_own_name():
    assert samples.added({**without(f"{TYPE}.json"), f"{TYPE}.2.json": "{}"}) == {f"{TYPE}.json": TODAY}


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        pytest.param("dev.shale.model.gone.v1.json", "dev.shale.model.gone.v1", id="the first"),
        pytest.param("dev.shale.model.gone.v1.12.json", "dev.shale.model.gone.v1", id="the twelfth"),
    ],
)
def test_a_file_name_tells_the_type(name: str, type_: str):
    assert samples.type_in(name) == type_


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_what_was_said_is_read(text: str):
    assert samples.unread(text) == ()


def test_what_was_said_before_a_field_came_is_read():
    said = json.loads(samples.encoded(EXAMPLES["dev.shale.modelversion.progressed.v1"]))
    del said["data"]["nextAt"]
    assert samples.unread(json.dumps(said)) == ()


@pytest.mark.parametrize(
    ("where", "value", "complaint"),
    [
        pytest.param("data.once", 1, "holds data.once, which is not read any more", id="a field that was removed"),
        pytest.param("data.layers.0.once", 1, "holds data.layers[0].once, which is", id="a field in a list's item"),
        pytest.param("dataschema", "x", "holds envelope.dataschema, which is not read", id="a field of the envelope"),
        pytest.param(
            "type", "dev.shale.modelversion.image-sung.v1", "has type dev.shale.model", id="a type that is gone"
        ),
        pytest.param("type", "dev.shale.modelversion.image-built.v2", "has type dev.shale.model", id="another major"),
        pytest.param("data.image", 1, "is not decoded any more: Expected `str`", id="a field of another type"),
        pytest.param("data", {}, "is not decoded any more: Object missing required", id="a field that is required now"),
    ],
)
def test_what_is_not_read_as_it_was_said_is_named(where: str, value: object, complaint: str):
    (line,) = samples.unread(changed(where, value))
    assert line.startswith(complaint)


def test_what_is_no_json_is_named():
    (line,) = samples.unread("{")
    assert line.startswith("is not decoded any more")


def test_a_value_that_is_read_as_another_is_named():
    class Tame(msgspec.Struct):
        name: str

        def __post_init__(self) -> None:
            self.name = self.name.lower()

    read = msgspec.json.decode(b'{"name": "Wild"}', type=Tame)
    assert list(samples.lost({"name": "Wild"}, read, "data")) == ["says data.name 'Wild', and is read as 'wild'"]


def test_a_list_that_is_read_shorter_is_named():
    assert list(samples.lost([1, 2], (1,), "data")) == ["says data [1, 2], and is read as (1,)"]
