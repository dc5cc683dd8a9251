"""What the answers of an API server amount to."""

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.kube import answers, deletes
from shale.kube.answers import Answer
from shale.kube.resources import Conflict, Invalid, Missing


def said(code, message="no", after=None, **details):
    body = {"kind": "Status", "status": "Failure", "message": message, "code": code, "details": details}
    return Answer(code, msgspec.json.encode(body), after)


@pytest.mark.parametrize("code", [200, 201, 202])
def test_what_went_well_is_its_body(code):
    assert answers.read(Answer(code, b"{}"), "it") == b"{}"
    assert answers.written(Answer(code, b"{}"), "it") == b"{}"


def test_a_404_that_names_the_object_says_that_it_is_missing():
    assert answers.read(said(404, name="x", kind="models"), "model a/x") == Missing("model a/x is not there")
    assert isinstance(answers.written(said(404, name="x"), "it"), Missing)


@pytest.mark.parametrize(
    "body", [b"404 page not found\n", b"{}", b'{"kind":"Status","details":{}}', b"", b"\xff<html>"]
)
def test_a_404_of_a_path_says_that_the_kind_is_not_served(body):
    for read in (answers.read, answers.written):
        with pytest.raises(Transient, match="apply -f deploy/crds"):
            read(Answer(404, body), "model a/x")


@pytest.mark.parametrize("code", [401, 403, 408, 409, 410, 429, 500, 502, 503, 504, 418])
def test_a_read_that_fails_otherwise_passes_by_itself(code):
    with pytest.raises(Transient, match=f"model a/x: the API server answers {code}: no"):
        answers.read(said(code), "model a/x")


def test_how_long_we_are_asked_to_wait_is_kept():
    with pytest.raises(Transient) as caught:
        answers.read(said(429, after=7.0), "it")
    assert caught.value.after == 7.0


def test_a_conflict_is_one_and_so_is_another_uid():
    assert isinstance(answers.written(said(409), "it"), Conflict)
    stranger = said(422, causes=[{"field": "metadata.uid", "reason": "FieldValueInvalid"}])
    assert isinstance(answers.written(stranger, "it"), Conflict)


@pytest.mark.parametrize("code", [400, 413, 422])
def test_what_no_repetition_mends_is_refused_in_one_line(code):
    assert answers.written(said(code, "bad\n  field"), "it") == Invalid("bad field")


@pytest.mark.parametrize(
    "message",
    [
        'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0',
        'pods "x" is forbidden: violates PodSecurity "restricted:latest": seccompProfile',
        'pods "x" is forbidden: [maximum cpu usage per Container is 1, but limit is 2]',
        'pods "x" is forbidden: unable to create new content in namespace a because it is being terminated',
        'admission webhook "policy.example" denied the request: no label',
    ],
)
def test_what_a_namespace_does_not_let_in_is_a_value_and_names_the_cure(message):
    refused = answers.admitted(said(403, message), "it")
    assert isinstance(refused, Invalid)
    assert refused.message == f"{message}: raise that bound, or let that rule except what Shale makes"


@pytest.mark.parametrize(
    "message",
    [
        'pods is forbidden: User "shale" cannot create resource "pods" in API group "" in the namespace "a"',
        'pods "x" is forbidden: User "a:b" cannot patch resource "pods" in API group "" in the namespace "a"',
        'forbidden: User "shale" cannot get path "/version"',
        "<html>403 Forbidden</html>",
    ],
)
def test_a_right_that_we_lack_passes_when_it_is_granted(message):
    with pytest.raises(Transient, match="grant it"):
        answers.admitted(said(403, message), "it")


@pytest.mark.parametrize(
    "why", ["error looking up service account a/default: not found", "status unknown for quota: q"]
)
def test_what_controllers_have_not_come_to_yet_passes_by_itself(why):
    with pytest.raises(Transient, match="; try again"):
        answers.admitted(said(403, f'pods "x" is forbidden: {why}'), "it")


def test_otherwise_what_is_let_in_is_what_is_written():
    assert answers.admitted(Answer(201, b"{}"), "it") == b"{}"
    assert answers.admitted(said(422, "bad"), "it") == Invalid("bad")
    assert isinstance(answers.admitted(said(409), "it"), Conflict)


def test_an_apply_with_fields_of_another_type_is_refused_though_its_code_is_500():
    message = "failed to create typed patch object (a/b; shale.dev/v1alpha1, Kind=Model): .spec.x: field not declared"
    assert isinstance(answers.written(said(500, message), "it"), Invalid)
    with pytest.raises(Transient):
        answers.written(said(500, "etcdserver: leader changed"), "it")


def test_a_deletion_says_whose_and_how():
    assert deletes.options(None, "background")["propagationPolicy"] == "Background"
    assert "preconditions" not in deletes.options(None, "orphan")
    assert deletes.options("u-1", "foreground")["preconditions"] == {"uid": "u-1"}


def test_a_status_says_that_the_object_is_gone_and_an_object_that_it_is_held():
    assert deletes.removed(b'{"kind":"Status","details":{"uid":"u-1"}}', "it") == "u-1"
    assert deletes.removed(b'{"kind":"Status"}', "it") == ""
    assert deletes.removed(b'{"kind":"Model","metadata":{"uid":"u-1"}}', "it") is None
