"""What a label and an annotation allow."""

import pytest

from shale.secrets import rules
from shale.secrets.places import Place
from shale.secrets.secret import Malformed, NotGranted, Secret


def secret(labels=None, annotations=None):
    return Secret("team-a", "push", labels=labels or {}, annotations=annotations or {})


def test_a_secret_with_the_label_is_used():
    labelled = secret({rules.USE: "true"})
    assert rules.used(labelled) is labelled


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({}, id="without a label"),
        pytest.param({rules.USE: "false"}, id="with a label that says no"),
        pytest.param({rules.USE: "True"}, id="with a label that says it otherwise"),
        pytest.param({"use": "true"}, id="with somebody else's label"),
    ],
)
def test_any_other_is_not_and_the_cure_is_a_command(labels):
    refused = rules.used(secret(labels))
    assert isinstance(refused, NotGranted)
    assert "kubectl label secret -n team-a push shale.dev/use=true" in refused.message


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("ghcr.io", (Place("ghcr.io"),), id="a host"),
        pytest.param("ghcr.io,quay.io", (Place("ghcr.io"), Place("quay.io")), id="two with a comma"),
        pytest.param(" ghcr.io,\n quay.io:5000 ", (Place("ghcr.io"), Place("quay.io:5000")), id="two on two lines"),
        pytest.param("https://ghcr.io/", (Place("ghcr.io"),), id="a host as a URL"),
    ],
)
def test_hosts_are_read(text, hosts):
    assert rules.hosts(secret(annotations={rules.HOSTS: text})) == hosts


def test_without_an_annotation_there_are_none():
    assert rules.hosts(secret()) == ()


def test_what_is_no_host_is_named():
    refused = rules.hosts(secret(annotations={rules.HOSTS: "ghcr.io, me@evil"}))
    assert isinstance(refused, Malformed)
    assert "'me@evil'" in refused.message


def test_a_host_that_is_not_named_is_refused_with_the_command_that_names_it():
    assert rules.elsewhere(secret(), "ghcr.io").message.endswith(
        "kubectl annotate secret -n team-a push --overwrite shale.dev/hosts=ghcr.io"
    )
