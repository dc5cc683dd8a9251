"""Complaints that a person can act on: which field, what is wrong, and the cure."""

import copy
import subprocess
import sys
from typing import Any

import pytest

from shale.kube import validation
from shale.testkit.samples import MODEL, VERSION, model, version


def complaints(spec: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    before = None if old is None else version("team-a", spec=old)
    return validation.complaints(VERSION, version("team-a", spec=spec), before)


SAID = [
    ({"imagTag": "v1"}, 'unknown field "spec.imagTag"; did you mean "imageTag"?'),
    (
        {"storage": {"pvc": {"claimName": "a", "zzz": 1}}},
        'unknown field "spec.storage.pvc.zzz"; known are claimName, subPath',
    ),
    ({"storage": {"pvc": {}}}, "spec.storage.pvc.claimName is missing: add it"),
    ({"attempt": "one"}, "spec.attempt must be an integer, not 'one'"),
    ({"dryRun": 1}, "spec.dryRun must be a boolean, not 1"),
    ({"storage": "here"}, "spec.storage must be an object, not 'here'"),
    ({"createdBy": ["x" * 80]}, f"spec.createdBy must be a string, not ['{'x' * 55}..."),
    ({"layout": "zip"}, "spec.layout must be one of files, tensors, not 'zip'"),
    ({"modelName": ""}, "spec.modelName is empty: at least 1 character is needed"),
    ({"imageTag": "x" * 117}, "spec.imageTag is too long: at most 116 characters"),
    ({"attempt": -1}, "spec.attempt must be at least 0"),
    ({"attempt": 1_000_001}, "spec.attempt must be at most 1000000"),
    (
        {"storage": {"source": {"name": "a", "config": dict.fromkeys(map(str, range(33)), "x")}}},
        "spec.storage.source.config has too many entries: at most 32",
    ),
    ({"storage": {}}, "spec.storage: storage must name exactly one of localStorage, nfs, awsEfs, pvc, source"),
    (
        {"storage": {"localStorage": {"path": "x", "nodeName": "n"}}},
        "spec.storage.localStorage: localStorage.path must be absolute: begin it with '/'",
    ),
]


@pytest.mark.parametrize(("spec", "said"), SAID, ids=[said for _, said in SAID])
def test_the_complaint_is(spec, said):
    assert complaints(spec) == [said]


def test_a_good_object_has_none():
    assert complaints({}) == []
    assert validation.complaints(MODEL, model("team-a")) == []


def test_all_complaints_come_together():
    assert set(complaints({"attempt": "one", "layout": "zip", "imagTag": "v1"})) == {
        "spec.attempt must be an integer, not 'one'",
        "spec.layout must be one of files, tensors, not 'zip'",
        'unknown field "spec.imagTag"; did you mean "imageTag"?',
    }


def test_rules_are_asked_only_of_what_has_the_right_shape():
    said = complaints({"attempt": "one", "imageRepo": "a:b"})
    assert said == ["spec.attempt must be an integer, not 'one'"]


def test_several_broken_rules_come_together():
    said = complaints({"imageRepo": "a:b", "modelName": "A"})
    assert [line.split(" must", 1)[0] for line in said] == ["spec: modelName", "spec: imageRepo"]


def test_an_entry_of_a_list_is_named_by_its_number():
    said = validation.complaints(MODEL, {**model("team-a"), "spec": {"display": {"tags": ["good", 1]}}})
    assert said == ["spec.display.tags[1] must be a string, not 1"]


def test_a_change_is_judged_against_what_was():
    assert complaints({"attempt": 1}, {"attempt": 2}) == ["spec: attempt may only rise: each try is on record"]
    assert complaints({"attempt": 2}, {"attempt": 1}) == []
    assert complaints({"attempt": 1}) == []


def test_what_is_judged_is_not_changed():
    given = version("team-a")
    kept = copy.deepcopy(given)
    validation.complaints(VERSION, given, given)
    assert given == kept


def test_the_name_of_an_object_is_a_dns_label():
    (said,) = validation.complaints(MODEL, model("team-a", "a.b"))
    assert said.startswith("metadata.name must be a DNS label")


def test_the_envelope_is_judged_without_its_spec():
    assert validation.envelope(VERSION, {**version("team-a"), "spec": {"whatever": 1}}) == []
    assert validation.envelope(VERSION, {"metadata": {}}) == ["metadata.name is missing: add it"]
    assert validation.envelope(VERSION, {**version("team-a"), "specs": {}}) == [
        'unknown field "specs"; did you mean "spec"?'
    ]


def test_labels_are_text():
    assert validation.envelope(VERSION, version("team-a", labels={"a": 1})) == [
        "metadata.labels.a must be a string, not 1"
    ]


def test_a_status_is_judged_by_its_own_schema():
    assert validation.status_complaints(VERSION, {"phase": "Packing"}) == []
    [said] = validation.status_complaints(VERSION, {"observedGeneration": "7"})
    assert said.startswith("status.observedGeneration must be an integer")


def test_a_phase_that_nobody_knows_is_no_phase_of_an_object():
    [said] = validation.status_complaints(VERSION, {"phase": "Paking"})
    assert said.startswith("status.phase must be one of Deleting, Failed, Packing")


def test_who_only_reads_imports_no_engine():
    script = "import sys, shale.kube.embedded; sys.exit(sum(name in sys.modules for name in ('celpy', 'jsonschema')))"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
