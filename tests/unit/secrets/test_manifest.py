"""A Secret's manifest becomes a Secret, or what is wrong with it by the name of its key."""

import base64

import pytest

from shale.secrets import manifest
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Malformed, Secret
from shale.testkit.secrets import opaque

SECRET = "s3cr3t-Pa55word"
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def read(tree):
    return manifest.read(tree, "team-a", "push")


def test_a_secret_is_read():
    assert read(opaque({"token": "x"}, hosts="ghcr.io")) == Secret(
        "team-a",
        "push",
        data={"token": Hidden(b"x")},
        labels={"shale.dev/use": "true"},
        annotations={"shale.dev/hosts": "ghcr.io"},
    )


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        pytest.param({"data": {"a": "eA=="}}, {"a": Hidden(b"x")}, id="data is base64"),
        pytest.param({"data": {"a": "e\nA=="}}, {"a": Hidden(b"x")}, id="perhaps on several lines"),
        pytest.param({"data": {"a": None}}, {"a": Hidden(b"")}, id="or nothing"),
        pytest.param({"data": None}, {}, id="perhaps there is none"),
        pytest.param({"stringData": {"a": "x"}}, {"a": Hidden(b"x")}, id="stringData is text"),
        pytest.param({"data": {"a": "eA=="}, "stringData": {"a": "y"}}, {"a": Hidden(b"y")}, id="and wins"),
    ],
)
def test_data_is_read(fields, data):
    found = read(fields)
    assert isinstance(found, Secret)
    assert found.data == data


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        pytest.param({"data": {"token": SECRET + "!"}}, "data key 'token' is not base64", id="no base64"),
        pytest.param({"data": {"token": 7}}, "data key 'token'", id="a number for base64"),
        pytest.param({"data": {"token": "é"}}, "data key 'token'", id="base64 that is not ASCII"),
        pytest.param({"stringData": {"token": 7}}, "stringData key 'token' is no text", id="a number for a text"),
        pytest.param({"data": [SECRET]}, "not the manifest of a Secret", id="a list for data"),
        pytest.param([SECRET], "not the manifest of a Secret", id="a list"),
        pytest.param(None, "not the manifest of a Secret", id="nothing"),
        pytest.param({"kind": "ConfigMap"}, "another object", id="another kind"),
        pytest.param({"metadata": {"name": "other"}}, "another object", id="another name"),
        pytest.param({"metadata": {"namespace": "other"}}, "another object", id="another namespace"),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(tree, said):
    found = read(tree)
    assert isinstance(found, Malformed)
    assert said in found.message
    assert "Secret team-a/push" in found.message
    assert SECRET not in repr(found)


def test_the_copy_of_it_that_kubectl_apply_leaves_in_an_annotation_is_not_kept():
    tree = opaque({"token": SECRET})
    tree["metadata"]["annotations"] = {APPLIED: base64.b64encode(SECRET.encode()).decode(), "shale.dev/hosts": "a.b"}
    found = read(tree)
    assert isinstance(found, Secret)
    assert found.annotations == {"shale.dev/hosts": "a.b"}
    assert APPLIED not in repr(found)


def test_what_it_holds_is_not_shown():
    found = read(opaque({"token": SECRET}))
    assert SECRET not in repr(found)
    assert base64.b64encode(SECRET.encode()).decode() not in repr(found)
    assert str(found) == "Secret team-a/push"
