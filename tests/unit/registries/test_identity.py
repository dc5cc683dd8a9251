"""Who an object, and a person, is to a registry; and who may see that."""

import json

import pytest

from shale.oci.distribution.credentials import Bearer, Identity, Login
from shale.oci.refusal import NoAccess, Refused
from shale.registries.docker import PersonIdentities
from shale.registries.identity import ObjectIdentities
from shale.registries.target import Target
from shale.secrets import ambient
from shale.secrets import login as logins
from shale.secrets.cloud.endpoints import Endpoints
from shale.testkit.loopback import Loopback, reply
from shale.testkit.secrets import MemorySecrets, docker_secret, opaque

HOST = "registry.example"
TARGET = Target(f"{HOST}/models/x", "team-a", "push")


@pytest.fixture
def secrets():
    return MemorySecrets(docker_secret(HOST, "ann", "first"))


def identify(secrets, target=TARGET, host=HOST, people=None):
    found = (people or ObjectIdentities(logins.Login(secrets)))(target, host, "models/x")
    assert not isinstance(found, NoAccess)
    return found


def test_a_credential_is_read_once_for_a_job(secrets):
    ann = identify(secrets)
    secrets.held.clear()
    assert ann(HOST, again=False) == Login("ann", "first")


def test_a_credential_that_was_refused_is_read_again(secrets):
    ann = identify(secrets)
    secrets.put(docker_secret(HOST, "ann", "second"))
    assert ann(HOST, again=True) == Login("ann", "second")


def test_a_secret_that_is_gone_when_it_is_read_again_ends_the_work(secrets):
    ann = identify(secrets)
    secrets.held.clear()
    with pytest.raises(Refused) as refused:
        ann(HOST, again=True)
    assert refused.value.why.reason == "SecretNotFound"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        pytest.param({"token": "t"}, Bearer("t"), id="an access token"),
        pytest.param(
            {".dockerconfigjson": json.dumps({"auths": {HOST: {"identitytoken": "i"}}})},
            Identity("i"),
            id="a refresh token",
        ),
    ],
)
def test_each_kind_of_credential_goes_as_what_it_is(data, found):
    assert identify(MemorySecrets(opaque(data, hosts=HOST)))(HOST, again=False) == found


def test_nobody_comes_without_a_name(secrets):
    assert identify(secrets, Target(TARGET.repo, "team-a"))(HOST, again=False) is None


class TestATokenServer:
    def test_on_the_registrys_own_host_sees_the_credential(self, secrets):
        assert identify(secrets).shown_to(HOST) is None

    def test_elsewhere_does_not(self, secrets):
        found = identify(secrets).shown_to("tokens.example")
        assert isinstance(found, NoAccess)
        assert found.reason == "SecretNotGranted"
        assert "kubectl annotate secret -n team-a push --overwrite shale.dev/hosts=tokens.example" in found.message

    def test_elsewhere_does_where_the_owner_says_so(self, secrets):
        secret = docker_secret(HOST, "ann", "first")
        secret["metadata"]["annotations"] = {"shale.dev/hosts": "tokens.example"}
        secrets.put(secret)
        assert identify(secrets).shown_to("tokens.example") is None

    def test_sees_nobody_where_nobody_comes(self, secrets):
        assert identify(secrets, Target(TARGET.repo, "team-a")).shown_to("tokens.example") is None

    def test_elsewhere_does_not_see_the_machine(self):
        with Loopback(lambda _: reply({"access_token": "a"}, metadata_flavor="Google")) as cloud:
            door = logins.Login(MemorySecrets(), ambient.parse("team-a=gcr.io/project"), Endpoints(*[cloud.url] * 4))
            target = Target("gcr.io/project/x", "team-a")
            machine = ObjectIdentities(door)(target, "gcr.io", "project/x")
        assert not isinstance(machine, NoAccess)
        assert machine.shown_to("gcr.io") is None
        assert isinstance(found := machine.shown_to("tokens.example"), NoAccess)
        assert found.reason == "Denied"


class TestAPerson:
    def test_comes_as_docker_logged_in(self, secrets, tmp_path):
        config = tmp_path / "config.json"
        config.write_bytes(json.dumps({"auths": {HOST: {"username": "bob", "password": "p"}}}).encode())
        assert self.person(secrets, config)(HOST, again=False) == Login("bob", "p")
        assert self.person(secrets, config).shown_to("tokens.example") is None

    @pytest.mark.parametrize(
        "config", [None, {}, {"auths": {"other.example": {"auth": "eA=="}}}, {"credsStore": "desktop"}]
    )
    def test_comes_as_nobody_else(self, secrets, tmp_path, config):
        path = tmp_path / "config.json"
        if config is not None:
            path.write_text(json.dumps(config))
        assert self.person(secrets, path)(HOST, again=False) is None

    def test_hears_of_a_credential_helper_only_when_nobody_was_refused(self, secrets, tmp_path):
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"credsStore": "desktop"}))
        with pytest.raises(Refused, match="credential helper 'desktop'"):
            self.person(secrets, path)(HOST, again=True)

    def test_comes_by_a_secret_where_one_is_named(self, secrets, tmp_path):
        people = PersonIdentities(ObjectIdentities(logins.Login(secrets)), tmp_path / "none")
        assert identify(secrets, people=people)(HOST, again=False) == Login("ann", "first")

    def person(self, secrets, config):
        people = PersonIdentities(ObjectIdentities(logins.Login(secrets)), config)
        return identify(secrets, Target(f"{HOST}/models/x"), people=people)
