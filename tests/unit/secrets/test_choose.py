"""Which credential a Secret has for which repository."""

import json

import pytest

from shale.secrets import manifest
from shale.secrets.choose import authority, credentials_for
from shale.secrets.credentials import AzurePrincipal, Basic, Bearer, EcrKeys, may_go_to
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Malformed, NotGranted, Secret
from shale.testkit.secrets import docker_secret, opaque

SECRET = "s3cr3t-Pa55word"
ECR = "012345678901.dkr.ecr.eu-west-1.amazonaws.com"
AWS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET}
AZURE = {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": SECRET}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def secret(tree):
    found = manifest.read(tree, "team-a", "push")
    assert isinstance(found, Secret)
    return found


def chosen(data, host, hosts=None):
    return credentials_for(secret(opaque(data, hosts=host if hosts is None else hosts)), host, "team/x")


@pytest.mark.parametrize(
    ("data", "host", "found"),
    [
        pytest.param(
            {"username": "u", "password": SECRET},
            "ghcr.io",
            Basic("u", Hidden(SECRET), ("ghcr.io",)),
            id="a user name and a password",
        ),
        pytest.param(
            {"username": "u\n", "password": f"{SECRET}\n"},
            "ghcr.io",
            Basic("u", Hidden(SECRET), ("ghcr.io",)),
            id="without the line break that echo leaves",
        ),
        pytest.param({"token": SECRET}, "ghcr.io", Bearer(Hidden(SECRET), ("ghcr.io",)), id="an access token"),
        pytest.param(AWS, ECR, EcrKeys(ECR, "eu-west-1", "AKID", Hidden(SECRET)), id="keys of AWS for ECR"),
        pytest.param(
            {**AWS, "AWS_SESSION_TOKEN": "t"},
            f"{ECR}.cn",
            EcrKeys(f"{ECR}.cn", "eu-west-1", "AKID", Hidden(SECRET), Hidden("t")),
            id="keys of a session, in China",
        ),
        pytest.param(
            AZURE, "my.azurecr.io", AzurePrincipal("my.azurecr.io", "tenant", "client", Hidden(SECRET)), id="for ACR"
        ),
        pytest.param(
            {"key.json": SECRET},
            "europe-docker.pkg.dev",
            Basic("_json_key", Hidden(SECRET), ("europe-docker.pkg.dev",)),
            id="a service account's key for Artifact Registry",
        ),
        pytest.param(
            {"key.json": SECRET}, "eu.gcr.io", Basic("_json_key", Hidden(SECRET), ("eu.gcr.io",)), id="and for gcr.io"
        ),
    ],
)
def test_keys_are_known_by_their_usual_names(data, host, found):
    assert chosen(data, host) == found


@pytest.mark.parametrize(
    ("data", "host"),
    [
        pytest.param(AWS, "ghcr.io", id="keys of AWS for another registry"),
        pytest.param(AWS, f"{ECR}.evil.example", id="keys of AWS for a host that looks like ECR"),
        pytest.param(AZURE, "evil-azurecr.io", id="a principal for a host that looks like ACR"),
        pytest.param({"key.json": SECRET}, "pkg.dev.evil.example", id="a key for a host that looks like Google's"),
        pytest.param({"username": "a:b", "password": SECRET}, "ghcr.io", id="a colon in a user name"),
        pytest.param({"token": f"{SECRET} x"}, "ghcr.io", id="a token with a space"),
        pytest.param({"password": SECRET}, "ghcr.io", id="a password without a user"),
        pytest.param({}, "ghcr.io", id="nothing"),
    ],
)
def test_what_a_host_does_not_take_is_said_by_the_names_of_its_keys(data, host):
    found = chosen(data, host)
    assert isinstance(found, Malformed)
    assert (", ".join(sorted(data)) or "nothing") in found.message
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("hosts", "host"),
    [
        pytest.param("", "ghcr.io", id="no annotation"),
        pytest.param("ghcr.io", "quay.io", id="another host"),
        pytest.param("ghcr.io", "ghcr.io:5000", id="another port"),
        pytest.param("ghcr.io/other", "ghcr.io", id="another path"),
    ],
)
def test_keys_go_nowhere_but_to_the_hosts_of_the_annotation(hosts, host):
    found = chosen({"username": "u", "password": SECRET}, host, hosts)
    assert isinstance(found, NotGranted)
    assert f"shale.dev/hosts={host}" in found.message


def test_docker_configuration_goes_to_its_own_hosts_without_an_annotation():
    held = secret(docker_secret("ghcr.io", "u", SECRET))
    assert credentials_for(held, "ghcr.io", "team/x") == Basic("u", Hidden(SECRET), ("ghcr.io",))


def test_docker_configuration_goes_nowhere_else_whatever_the_annotation_says():
    tree = docker_secret("ghcr.io", "u", SECRET)
    tree["metadata"]["annotations"] = {"shale.dev/hosts": "evil.example"}
    found = credentials_for(secret(tree), "evil.example", "team/x")
    assert isinstance(found, NotGranted)
    assert "ghcr.io" in found.message
    assert "add an entry for evil.example" in found.message


def test_a_token_server_on_another_host_is_named_by_the_annotation():
    tree = docker_secret("registry.gitlab.example", "u", SECRET)
    tree["metadata"]["annotations"] = {"shale.dev/hosts": "gitlab.example"}
    found = credentials_for(secret(tree), "registry.gitlab.example", "team/x")
    assert isinstance(found, Basic)
    assert may_go_to(found, "gitlab.example")
    assert not may_go_to(found, "evil.example")


@pytest.mark.parametrize(
    ("hosts", "asked", "may"),
    [
        pytest.param(("ghcr.io",), "ghcr.io", True, id="the host itself"),
        pytest.param(("ghcr.io",), "GHCR.io:443", True, id="the host, written otherwise"),
        pytest.param(("ghcr.io",), "ghcr.io:80", False, id="not another port"),
        pytest.param(("docker.io", "auth.docker.io"), "auth.docker.io", True, id="Docker Hub's token server"),
        pytest.param(("*.example",), "a.example", True, id="one of a pattern"),
        pytest.param((), "ghcr.io", False, id="nobody may see what goes nowhere"),
    ],
)
def test_a_credential_knows_who_may_see_it(hosts, asked, may):
    assert may_go_to(Basic("u", Hidden("p"), hosts), asked) is may


def test_an_empty_entry_needs_no_credential():
    tree = opaque({".dockerconfigjson": json.dumps({"auths": {"ghcr.io": {}}})})
    assert credentials_for(secret(tree), "ghcr.io", "x") is None


@pytest.mark.parametrize(
    "tree",
    [
        pytest.param(opaque({".dockerconfigjson": SECRET}), id="a configuration that is none"),
        pytest.param(opaque({"token": SECRET}, hosts="me@ghcr.io"), id="an annotation that names no host"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_secrets_name(tree):
    found = credentials_for(secret(tree), "ghcr.io", "x")
    assert isinstance(found, Malformed)
    assert found.message.startswith("Secret team-a/push: ")
    assert SECRET not in repr(found)


def test_an_authority_is_read():
    assert authority(secret(opaque({"ca.crt": PEM}))) == PEM.rstrip()


@pytest.mark.parametrize(
    "data", [pytest.param({}, id="no key"), pytest.param({"ca.crt": SECRET}, id="a key that is no certificate")]
)
def test_an_authority_that_is_none_is_refused(data):
    found = authority(secret(opaque(data)))
    assert isinstance(found, Malformed)
    assert "'ca.crt'" in found.message
    assert SECRET not in repr(found)
