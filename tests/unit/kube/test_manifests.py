"""From what a user wrote to what it is."""

import datetime as dt

import pytest

from shale.contracts.resources import ModelVersion
from shale.kube import manifests
from shale.kube.manifests import Manifest
from shale.kube.resources import Invalid
from shale.testkit.samples import MODEL, VERSION, built, model, version


def test_a_whole_manifest_is_parsed_into_its_kind_and_object():
    parsed = manifests.parse(version("team-a"))
    assert isinstance(parsed, tuple)
    kind, obj = parsed
    assert kind is VERSION
    assert isinstance(obj, ModelVersion)
    assert obj.spec.model_name == "resnet"


def test_a_part_of_a_manifest_is_read_and_not_parsed():
    part = {**version("team-a"), "spec": {"attempt": 1}}
    said = manifests.read(part)
    assert isinstance(said, Manifest)
    assert said.spec == {"attempt": 1}
    assert isinstance(manifests.parse(part), Invalid)


def test_a_namespace_that_is_not_named_is_the_default_one():
    bare = {**model("x"), "metadata": {"name": "resnet"}}
    for given, namespace in (({}, "default"), ({"namespace": "team-a"}, "team-a")):
        said = manifests.read(bare, **given)
        assert isinstance(said, Manifest)
        assert said.metadata.namespace == namespace


def test_what_an_object_prints_is_a_manifest_of_it():
    obj = built("team-a", labels={"a": "b"})
    assert manifests.of(obj)["apiVersion"] == "shale.dev/v1alpha1"
    parsed = manifests.parse(manifests.of(obj))
    assert isinstance(parsed, tuple)
    assert parsed[0] is MODEL
    assert parsed[1].metadata.labels == {"a": "b"}


def test_what_only_the_server_writes_is_left_out():
    said = manifests.read(model("team-a", generation=3, creationTimestamp=None, managedFields=[{"manager": "x"}]))
    assert isinstance(said, Manifest)
    assert said.metadata.generation == 0


def test_words_that_yaml_reads_as_dates_or_numbers_are_what_kubectl_makes_of_them():
    said = manifests.parse(version("team-a", spec={"createdBy": dt.date(2026, 1, 2)}))
    assert isinstance(said, tuple)
    assert isinstance(said[1], ModelVersion)
    assert said[1].spec.created_by == "2026-01-02"


REFUSED = [
    (
        {"kind": "Model"},
        'apiVersion "None" with kind "Model" is not known: use apiVersion shale.dev/v1alpha1 and kind Model',
    ),
    ({"apiVersion": "v1", "kind": "Pod"}, 'apiVersion "v1" with kind "Pod" is not known'),
    ({"apiVersion": "shale.dev/v1", "kind": "Model"}, "use apiVersion shale.dev/v1alpha1"),
    ({"apiVersion": "shale.dev/v1alpha1", "kind": "ModelVerson"}, 'did you mean kind "ModelVersion"?'),
    ({"apiVersion": "shale.dev/v1alpha1", "kind": "Model"}, "metadata is missing: add it"),
    ({"apiVersion": "shale.dev/v1alpha1", "kind": "Model", "metadata": "x"}, "metadata must be an object"),
    ({"apiVersion": "shale.dev/v1alpha1", "kind": "Model", "metadata": {}}, "metadata.name is missing: add it"),
    ({**model("team-a"), "metadata": {"name": 7}}, "metadata.name must be a string, not 7"),
    ({**model("team-a"), "spec": []}, "spec must be an object, not []"),
    ({**model("team-a"), "data": {}}, 'unknown field "data"'),
    (model("team-a", labls={}), 'unknown field "metadata.labls"; did you mean "labels"?'),
    (model("team-a", "A"), "metadata.name 'A' is no DNS label"),
    (model("TEAM"), "metadata.namespace 'TEAM' is no DNS label"),
    ({"kind": object()}, "the manifest is no JSON object"),
    (model("team-a", labels={"a b": "x"}), "metadata.labels: the key 'a b' is not of the form"),
    (model("team-a", labels={"a": "b c"}), "metadata.labels.a 'b c' is no label value"),
    (model("team-a", annotations={"a b": "x"}), "metadata.annotations: the key 'a b' is not of the form"),
    (model("team-a", annotations={"a": "x" * 262_145}), "metadata.annotations hold more than 262144 bytes"),
]


@pytest.mark.parametrize(("given", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_refused(given, said):
    answer = manifests.read(given)
    assert isinstance(answer, Invalid)
    assert said in answer.message
    assert "\n" not in answer.message


def test_whole_numbers_lose_their_point_and_nothing_else_changes():
    given = version("team-a", spec={"attempt": 1.0, "x": [2.0, 2.5, True, "1.0", None], "y": {"z": -0.0}})
    said = manifests.read(given)
    assert isinstance(said, Manifest)
    assert repr([said.spec[key] for key in ("attempt", "x", "y")]) == repr([1, [2, 2.5, True, "1.0", None], {"z": 0}])


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"spec": {"createdBy": "a\ud800"}}, "spec.createdBy holds"),
        ({"spec": {"a": ["x", {"b": "\udfff"}]}}, "spec.a[1].b holds"),
        ({"spec": {"\ud800": 1}}, "a field's name in spec holds"),
        ({"\ud800": 1}, "a field's name in the manifest holds"),
    ],
)
def test_half_a_character_is_named_with_its_field(given, where):
    said = manifests.read({**version("team-a"), **given})
    assert isinstance(said, Invalid)
    assert said.message.startswith(where)
    said.message.encode()
