"""The rules of the kinds, as the embedded store asks them."""

from typing import Any

import pytest

from shale.contracts.resources.meta import immutable
from shale.contracts.resources.model import Model
from shale.contracts.resources.modelversion import ModelVersion, ModelVersionSpec
from shale.contracts.schema import structural
from shale.kube import cel

LEAST: dict[str, Any] = {"modelName": "m", "imageRepo": "a/b", "storage": {"pvc": {"claimName": "c"}}}


def broken(spec: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    before = None if old is None else {**LEAST, **old}
    return cel.broken(structural(ModelVersionSpec), {**LEAST, **spec}, before)


def test_the_least_spec_breaks_nothing():
    assert broken({}) == []
    assert broken({}, {}) == []


@pytest.mark.parametrize("repo", ["a", "a/b", "h:5000/a/b", "registry.example/a_b/c-d.e", "10.0.0.1/a"])
def test_a_repository(repo):
    assert broken({"imageRepo": repo}) == []


@pytest.mark.parametrize("repo", ["a:v1", "a@sha256:0", "h/a:v1", "A", "a/", "/a", "a//b", "https://h/a", "a b"])
def test_no_repository(repo):
    assert broken({"imageRepo": repo})[0].startswith("imageRepo must be a repository without tag or digest")


@pytest.mark.parametrize("tag", ["", "v1", "_", "A.b-c", "x" * 116])
def test_a_tag(tag):
    assert broken({"imageTag": tag}) == []


@pytest.mark.parametrize("tag", [".a", "-a", "a:b", "x" * 117])
def test_no_tag(tag):
    assert broken({"imageTag": tag})[0].startswith("imageTag must be an OCI tag")


@pytest.mark.parametrize("tag", ["v1-modelpack", "v1-linux-amd64", "v1-linux-arm64"])
def test_a_tag_that_we_make_beside_the_users_is_ours(tag):
    assert broken({"imageTag": tag})[0].startswith("imageTag must not end in -modelpack")


@pytest.mark.parametrize("name", ["A", "-a", "a-", "a.b"])
def test_the_model_of_a_version_is_named_by_a_dns_label(name):
    assert broken({"modelName": name})[0].startswith("modelName must be a DNS label")


@pytest.mark.parametrize("path", ["/", "/a/..b", "/a../b", "/..."])
def test_a_local_path(path):
    assert broken({"storage": {"localStorage": {"path": path, "nodeName": "n"}}}) == []


@pytest.mark.parametrize(
    ("path", "word"),
    [("a", "absolute"), ("/a/..", "climb"), ("/../a", "climb"), ("/a/../b", "climb"), ("/a\nb", "control")],
)
def test_no_local_path(path, word):
    (said,) = broken({"storage": {"localStorage": {"path": path, "nodeName": "n"}}})
    assert said.startswith("storage.localStorage: ")
    assert word in said


@pytest.mark.parametrize("node", ["No_de!", "-a", "a b"])
def test_no_node(node):
    (said,) = broken({"storage": {"localStorage": {"path": "/", "nodeName": node}}})
    assert "name of a node" in said


FROZEN = {
    "modelName": "x",
    "imageRepo": "x",
    "storage": {"nfs": {"server": "s", "path": "/"}},
    "imageTag": "x",
    "createdBy": "x",
    "include": "x",
    "exclude": "x",
    "layout": "tensors",
    "pushSecretRef": {"name": "x"},
    "registry": {"insecure": True},
}
MUTABLE = {"attempt": 1, "dryRun": True, "deletionPolicy": "Delete"}


def test_every_field_is_either_immutable_or_known_not_to_be():
    assert {*FROZEN, *MUTABLE} == set(ModelVersionSpec.__struct_encode_fields__)


@pytest.mark.parametrize("field", FROZEN)
def test_what_is_immutable_is_neither_changed_nor_added(field):
    assert broken({field: FROZEN[field]}, {}) == [f"{field} is immutable: make a new object instead"]


@pytest.mark.parametrize("field", [field for field in FROZEN if field not in LEAST])
def test_what_is_immutable_is_not_dropped(field):
    assert broken({}, {field: FROZEN[field]}) == [f"{field} is immutable: make a new object instead"]


@pytest.mark.parametrize("field", MUTABLE)
def test_what_is_not_immutable_may_change(field):
    assert broken({field: MUTABLE[field]}, {}) == []


def test_attempt_may_only_rise():
    assert broken({"attempt": 1}, {"attempt": 2}) == ["attempt may only rise: each try is on record"]
    assert broken({}, {"attempt": 2}) == ["attempt may only rise: each try is on record"]
    assert broken({"attempt": 2}, {"attempt": 2}) == []


@pytest.mark.parametrize("kind", [Model, ModelVersion])
def test_the_name_of_every_kind_is_a_dns_label(kind):
    schema = {**structural(kind), "properties": {}}
    assert cel.broken(schema, {"metadata": {"name": "a-b"}}) == []
    assert cel.broken(schema, {"metadata": {"name": "a.b"}})[0].startswith("metadata.name must be a DNS label")


def test_every_rule_of_immutability_names_its_field():
    assert [rule.message.split(" ", 1)[0] for rule in immutable("a", "b")] == ["a", "b"]
