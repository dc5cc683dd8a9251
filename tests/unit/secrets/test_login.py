"""From the name that an object gives to the credential of one job."""

import base64

import pytest

from shale.secrets import ambient
from shale.secrets.cloud.endpoints import Endpoints
from shale.secrets.credentials import Basic, IdentityToken
from shale.secrets.hidden import Hidden
from shale.secrets.login import Login
from shale.secrets.secret import Forbidden, Missing, NotGranted
from shale.testkit.loopback import Loopback, reply
from shale.testkit.secrets import MemorySecrets, docker_secret, opaque

ECR = "012345678901.dkr.ecr.eu-west-1.amazonaws.com"
AWS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "x"}
AZURE = {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": "x"}
TOKENS = {
    "authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:pass").decode()}],
    "access_token": "access",
    "refresh_token": "refresh",
}


@pytest.fixture
def clouds():
    """A server that is all clouds: every endpoint's answer in one."""
    with Loopback(lambda _: reply(TOKENS, metadata_flavor="Google")) as server:
        yield server


@pytest.fixture
def login(clouds):
    endpoints = Endpoints(*[clouds.url] * 4)
    return Login(MemorySecrets(), ambient.parse("team-a=gcr.io/project"), endpoints)


def test_docker_configuration_is_a_credential_by_itself(login, clouds):
    login.secrets.put(docker_secret("ghcr.io", "u", "p"))
    assert login.credential("team-a", "push", "ghcr.io", "x") == Basic("u", Hidden("p"), ("ghcr.io",))
    assert clouds.asked == []


def test_keys_of_aws_are_exchanged(login):
    login.secrets.put(opaque(AWS, hosts=ECR))
    assert login.credential("team-a", "push", ECR, "x") == Basic("AWS", Hidden("pass"), (ECR,))


def test_a_principal_is_exchanged(login):
    login.secrets.put(opaque(AZURE, hosts="my.azurecr.io"))
    found = login.credential("team-a", "push", "my.azurecr.io", "x")
    assert found == IdentityToken(Hidden("refresh"), ("my.azurecr.io",))


def test_the_machines_identity_is_used_where_the_operator_allows_it(login):
    found = login.credential("team-a", "", "gcr.io", "project/x")
    assert found == Basic("oauth2accesstoken", Hidden("access"), ("gcr.io",))


@pytest.mark.parametrize(
    ("namespace", "host", "repo"),
    [
        pytest.param("team-b", "gcr.io", "project/x", id="another namespace"),
        pytest.param("team-a", "gcr.io", "other/x", id="another project"),
        pytest.param("team-a", "ghcr.io", "project/x", id="another registry"),
    ],
)
def test_anywhere_else_nobody_is_asked_and_nothing_is_sent(login, clouds, namespace, host, repo):
    assert login.credential(namespace, "", host, repo) is None
    assert clouds.asked == []


def test_a_secret_that_is_named_is_used_even_where_the_machine_might(login, clouds):
    login.secrets.put(docker_secret("gcr.io", "u", "p"))
    assert login.credential("team-a", "push", "gcr.io", "project/x") == Basic("u", Hidden("p"), ("gcr.io",))
    assert isinstance(login.credential("team-a", "other", "gcr.io", "project/x"), Missing)
    assert clouds.asked == []


def test_what_the_door_or_the_rules_refuse_is_refused(login):
    login.secrets.put(opaque({"token": "x"}, hosts="quay.io"))
    assert isinstance(login.credential("team-a", "push", "ghcr.io", "x"), NotGranted)


def test_a_cloud_that_refuses_is_told_with_the_secrets_name(login, clouds):
    clouds.answer = lambda _: reply({"__type": "UnrecognizedClientException"}, 400)
    login.secrets.put(opaque(AWS, hosts=ECR))
    found = login.credential("team-a", "push", ECR, "x")
    assert isinstance(found, Forbidden)
    assert found.message.startswith("Secret team-a/push: ECR in eu-west-1 refused with 400 (UnrecognizedClientExc")


def test_nothing_is_kept_so_that_a_new_password_counts_at_once(login):
    login.secrets.put(docker_secret("ghcr.io", "u", "old"))
    login.credential("team-a", "push", "ghcr.io", "x")
    login.secrets.put(docker_secret("ghcr.io", "u", "new"))
    assert login.credential("team-a", "push", "ghcr.io", "x") == Basic("u", Hidden("new"), ("ghcr.io",))
