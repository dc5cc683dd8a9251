"""What travelled once is read for ever, and is what its JSON Schema says."""

import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from shale.blueprint import samples
from shale.blueprint.examples import CREATED, EXAMPLES, VERSION, VERSION_SPEC
from shale.blueprint.tree import SAMPLES, SCHEMAS
from shale.contracts.envelope import MAX_BYTES, unwrap, wrap
from shale.contracts.facts import Declared

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = {path.name: path.read_text() for path in sorted((ROOT / SAMPLES).glob("*.json"))}

every_sample = pytest.mark.parametrize("name", COMMITTED)
every_type = pytest.mark.parametrize("type_", EXAMPLES)


def schema(name: str) -> Draft202012Validator:
    page = json.loads((ROOT / SCHEMAS / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(page)
    return Draft202012Validator(page)


def nulls(node: object, where: str) -> list[str]:
    if isinstance(node, dict):
        return [line for key, value in node.items() for line in nulls(value, f"{where}.{key}")]
    if isinstance(node, list):
        return [line for index, value in enumerate(node) for line in nulls(value, f"{where}[{index}]")]
    return [where] if node is None else []


def encoded_again(text: str) -> str:
    envelope, message = unwrap(text.encode())
    data = msgspec.Raw(msgspec.json.encode(message))
    return samples.pretty(msgspec.json.encode(msgspec.structs.replace(envelope, data=data)))


@every_type
def test_a_type_has_a_sample_that_is_encoded_as_it_is_today(type_: str):
    mine = [text for name, text in COMMITTED.items() if samples.type_in(name) == type_]
    assert samples.encoded(EXAMPLES[type_]) in mine


@every_sample
def test_a_sample_is_read_as_it_was_said(name: str):
    assert samples.unread(COMMITTED[name]) == ()


@every_sample
def test_a_sample_is_encoded_to_what_is_read_as_the_same(name: str):
    assert unwrap(encoded_again(COMMITTED[name]).encode())[1] == unwrap(COMMITTED[name].encode())[1]


@every_type
def test_the_newest_sample_is_encoded_to_itself(type_: str):
    newest = samples.encoded(EXAMPLES[type_])
    assert encoded_again(newest) == newest


@every_sample
def test_the_file_of_a_sample_tells_its_type(name: str):
    assert unwrap(COMMITTED[name].encode())[0].type == samples.type_in(name)


@every_sample
def test_a_sample_is_what_its_schema_says(name: str):
    said = json.loads(COMMITTED[name])
    schema("envelope").validate(said)
    schema(samples.type_in(name)).validate(said["data"])


@every_sample
def test_a_sample_is_a_cloud_event(name: str):
    said = json.loads(COMMITTED[name])
    wanting = {"specversion", "id", "source", "type"} - said.keys()
    assert wanting == set(), "CloudEvents 1.0 requires these on the wire"
    assert said["specversion"] == "1.0"
    assert dt.datetime.fromisoformat(said["time"]).utcoffset() == dt.timedelta(0)


@every_sample
def test_a_sample_says_absent_things_by_their_absence(name: str):
    assert nulls(json.loads(COMMITTED[name]), "$") == [], "absent, never null (events.md, the envelope)"


def test_a_declaration_of_which_nothing_is_known_says_no_null():
    said = samples.encoded(Declared(VERSION, VERSION_SPEC, CREATED))
    assert nulls(json.loads(said), "$") == [], "absent, never null (events.md, the envelope)"


@every_type
def test_a_message_fits_whoever_says_it(type_: str):
    assert len(wrap(EXAMPLES[type_], "storage-provisioner", 0.0)) < MAX_BYTES


@every_type
@pytest.mark.parametrize("field", ["about", "about.uid", "about.generation"])
def test_a_schema_refuses_a_message_about_nobody(type_: str, field: str):
    said = json.loads(samples.encoded(EXAMPLES[type_]))["data"]
    node = said
    *outer, last = field.split(".")
    for key in outer:
        node = node[key]
    del node[last]
    assert not schema(type_).is_valid(said)


@every_type
def test_a_schema_lets_fields_through_that_came_later(type_: str):
    said = json.loads(samples.encoded(EXAMPLES[type_]))["data"]
    assert schema(type_).is_valid({**said, "cameLater": {"by": "somebody newer"}})
