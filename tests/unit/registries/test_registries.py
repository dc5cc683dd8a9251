"""Which registry a name leads to, and what keeps an object out of it before anybody is asked."""

import pytest

from shale.contracts.resources import Registry
from shale.contracts.resources.modelversion import SecretRef
from shale.oci.distribution.registry import Distribution
from shale.oci.layout import Layout
from shale.oci.refusal import NoAccess
from shale.registries.identity import ObjectIdentities
from shale.registries.registries import Registries
from shale.registries.settings import RegistrySettings
from shale.registries.target import Target
from shale.secrets.login import Login
from shale.testkit.secrets import MemorySecrets, docker_secret, opaque

HOST = "registry.example"
REPO = f"{HOST}/models/resnet"
PEM = "-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n"


def registries(*secrets, **settings):
    door = MemorySecrets(*secrets)
    return Registries(RegistrySettings(**settings), door, ObjectIdentities(Login(door)))


@pytest.mark.parametrize(
    ("repo", "kind"),
    [
        pytest.param("models/resnet", Layout, id="a bare name lies in the folder"),
        pytest.param("resnet", Layout, id="so does a name of one part"),
        pytest.param("registry.example/models/resnet", Distribution, id="a host with a dot is a registry"),
        pytest.param("127.0.0.1:5000/models/resnet", Distribution, id="a host with a port is a registry"),
        pytest.param("localhost/models/resnet", Distribution, id="localhost is a registry"),
    ],
)
def test_the_first_part_of_a_name_says_where_it_leads(tmp_path, repo, kind):
    assert isinstance(registries(layout_dir=str(tmp_path)).open(Target(repo)), kind)


def test_without_a_folder_a_bare_name_lies_at_home():
    assert isinstance(registries(home_registry=HOST).open(Target("models/resnet")), Distribution)


def test_a_bare_name_leads_nowhere_where_nothing_is_at_home():
    found = registries().open(Target("models/resnet"))
    assert isinstance(found, NoAccess)
    assert found.reason == "NoRegistry"
    assert "SHALE_LAYOUT_DIR or SHALE_HOME_REGISTRY" in found.message


def test_a_folder_asks_for_no_secret(tmp_path):
    assert isinstance(registries(layout_dir=str(tmp_path)).open(Target("models/x", "team-a", "push")), Layout)


def unlabelled():
    secret = docker_secret(HOST, "ann", "p")
    del secret["metadata"]["labels"]
    return secret


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [
        pytest.param([], "SecretNotFound", id="no such Secret"),
        pytest.param([docker_secret(HOST, "ann", "p", namespace="team-b")], "SecretNotFound", id="another namespace's"),
        pytest.param([unlabelled()], "SecretNotGranted", id="one without the label"),
        pytest.param([docker_secret("other.example", "ann", "p")], "SecretNotGranted", id="one for another host"),
        pytest.param(
            [opaque({"username": "ann", "password": "p"}, hosts="other.example")],
            "SecretNotGranted",
            id="keys for another host",
        ),
        pytest.param([opaque({"nothing": "known"}, hosts=HOST)], "SecretMalformed", id="one without credentials"),
    ],
)
def test_a_secret_that_cannot_be_used_keeps_us_out(secrets, reason):
    found = registries(*secrets).open(Target(REPO, "team-a", "push"))
    assert isinstance(found, NoAccess)
    assert found.reason == reason
    assert "team-a/push" in found.message


def test_a_secret_for_the_host_opens_it():
    assert isinstance(registries(docker_secret(HOST, "ann", "p")).open(Target(REPO, "team-a", "push")), Distribution)


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [
        pytest.param([], "SecretNotFound", id="no such Secret"),
        pytest.param([opaque({"ca.crt": "text"}, "ca")], "SecretMalformed", id="no certificate in it"),
        pytest.param([opaque({"ca.crt": PEM}, "ca")], "SecretMalformed", id="a certificate that is none"),
    ],
)
def test_a_ca_that_cannot_be_read_keeps_us_out(secrets, reason):
    wish = Target(REPO, "team-a", registry=Registry(ca_secret_ref=SecretRef("ca")))
    found = registries(*secrets).open(wish)
    assert isinstance(found, NoAccess)
    assert found.reason == reason


@pytest.mark.parametrize("home", ["https://registry.example", "registry.example/team", "registry", "a b", ".example"])
def test_a_home_that_is_no_host_is_a_settings_mistake(home):
    with pytest.raises(ValueError, match=f"SHALE_HOME_REGISTRY={home!r} is no host"):
        registries(home_registry=home)


@pytest.mark.parametrize(
    ("settings", "repo", "host"),
    [
        ({}, "ghcr.io/team/x", "ghcr.io"),
        ({"home_registry": "Registry.example"}, "team/x", "registry.example"),
        ({"layout_dir": "/x", "home_registry": HOST}, "team/x", ""),
    ],
)
def test_limits_count_by_the_host_that_a_name_leads_to(settings, repo, host):
    assert registries(**settings).host(repo) == host


@pytest.mark.parametrize("repo", ["h.example:99999/b", "h.example:0/b", "a:v1", "[::1]/a"])
def test_what_is_no_repository_keeps_us_out_and_is_no_bug(tmp_path, repo):
    for door in (registries(), registries(layout_dir=str(tmp_path))):
        assert door.host(repo) == ""
        found = door.open(Target(repo))
        assert isinstance(found, NoAccess)
        assert "make a version with another imageRepo" in found.message
