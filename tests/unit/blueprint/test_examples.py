"""There is an example of everything that travels, and each says as much as it can."""

import msgspec
import pytest

from shale.blueprint.examples import EXAMPLES, VERSION
from shale.contracts import subjects
from shale.contracts.envelope import type_of, unwrap, wrap
from shale.contracts.facts import MILESTONES, READINGS, Declared
from shale.contracts.jobs import JOBS, Job
from shale.contracts.resources import KINDS

every_example = pytest.mark.parametrize("type_", EXAMPLES)


@pytest.mark.parametrize("message", [*MILESTONES, *READINGS, *JOBS], ids=subjects.word)
def test_every_message_has_an_example(message):
    assert any(isinstance(example, message) for example in EXAMPLES.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_declared_and_gone(kind: str):
    assert {f"dev.shale.{kind}.declared.v1", f"dev.shale.{kind}.gone.v1"} <= EXAMPLES.keys()


@every_example
def test_an_example_stands_under_its_own_type(type_: str):
    assert type_of(EXAMPLES[type_]) == type_


@every_example
def test_an_example_travels_and_arrives(type_: str):
    assert unwrap(wrap(EXAMPLES[type_], "sample", 0.0))[1] == EXAMPLES[type_]


@every_example
def test_an_example_has_a_subject(type_: str):
    example = EXAMPLES[type_]
    made = subjects.of_job(example) if isinstance(example, Job) else subjects.of_fact(example)
    assert made.startswith("shale.")


@every_example
def test_an_example_leaves_no_field_of_its_message_at_its_default(type_: str):
    example = EXAMPLES[type_]
    left = [
        field.encode_name
        for field in msgspec.structs.fields(example)
        if not field.required and getattr(example, field.name) == field.default
    ]
    assert left == []


def test_an_example_declares_with_all_that_a_spec_may_say():
    declared = EXAMPLES["dev.shale.modelversion.declared.v1"]
    assert isinstance(declared, Declared)
    said = msgspec.to_builtins(declared.spec)
    names = {field.encode_name for field in msgspec.structs.fields(declared.spec)}
    assert names - said.keys() == {"layout"}, "layout has one value that is packed, its default"


def test_examples_are_about_one_object_of_each_kind():
    assert {example.about.uid for example in EXAMPLES.values() if example.about.kind == VERSION.kind} == {VERSION.uid}
