"""Real registries, opened as objects and persons name them: the login, the CA and the token server of each."""

import json

import pytest
import yaml

from shale.contracts.resources import Registry
from shale.contracts.resources.modelversion import SecretRef
from shale.oci.refusal import NoAccess
from shale.oci.registry import Pushed, push
from shale.registries.opening import open_for_person, open_registries
from shale.registries.settings import RegistrySettings
from shale.registries.target import Target
from shale.testkit.dockerregistry import PASSWORD, USER
from shale.testkit.secrets import docker_secret, opaque

CA = Registry(ca_secret_ref=SecretRef("ca"))


@pytest.fixture
def folder(tmp_path):
    """A laptop's Secrets."""
    return Secrets(tmp_path / "secrets")


class Secrets:
    def __init__(self, root):
        self.root = root

    def put(self, manifest):
        meta = manifest["metadata"]
        path = self.root / meta["namespace"] / f"{meta['name']}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(manifest))

    def open(self, target):
        return open_registries(RegistrySettings(secrets_dir=str(self.root)), {}).open(target)


def at(server, secret="", registry=None):
    return Target(f"{server.host}/team/model", "team-a", secret, registry or Registry())


def reason(registry, target, *, push=True):
    """Why nothing passes, by whomever it is found out."""
    found = registry.check(target.repo, push=push) if not isinstance(registry, NoAccess) else registry
    assert isinstance(found, NoAccess)
    return found.reason


def works(registry, target):
    assert registry.check(target.repo, push=True) is None
    pushed = push(registry, target.repo, b"weights")
    assert isinstance(pushed, Pushed)
    assert registry.has(target.repo, pushed.digest) == 7


def test_a_login_by_its_secret(park, folder):
    target = at(park.server("htpasswd"), "push")
    folder.put(docker_secret(park.running("htpasswd").host, USER, PASSWORD))
    works(folder.open(target), target)


def test_a_login_that_is_not_believed(park, folder):
    target = at(park.server("htpasswd"), "push")
    folder.put(docker_secret(park.running("htpasswd").host, USER, "wrong"))
    assert reason(folder.open(target), target) == "Unauthorized"


def test_a_login_that_was_changed_during_the_job(park, folder):
    target = at(park.server("htpasswd"), "push")
    folder.put(docker_secret(park.running("htpasswd").host, USER, "old"))
    registry = folder.open(target)
    folder.put(docker_secret(park.running("htpasswd").host, USER, PASSWORD))
    works(registry, target)


def test_one_tenants_login_serves_no_other(park, folder):
    """Both use the same connections; who comes without a Secret comes as nobody."""
    host = park.server("htpasswd").host
    folder.put(docker_secret(host, USER, PASSWORD))
    registries = open_registries(RegistrySettings(secrets_dir=str(folder.root)), {})
    mine, other = at(park.running("htpasswd"), "push"), Target(f"{host}/team/model", "team-b")
    works(registries.open(mine), mine)
    assert reason(registries.open(other), other) == "Unauthorized"


def test_a_ca_by_its_secret(park, folder):
    server = park.server("tls")
    folder.put(opaque({"ca.crt": park.certificate.pem}, "ca"))
    works(folder.open(at(server, registry=CA)), at(server))
    assert reason(folder.open(at(server)), at(server)) == "Untrusted"


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")  # as its object says
def test_who_says_insecure_believes_anyone(park, folder):
    server = park.server("tls")
    works(folder.open(at(server, registry=Registry(insecure=True))), at(server))


def test_a_token_server_elsewhere_sees_the_login_when_its_owner_says_so(park, folder):
    target = at(park.server("token"), "push")
    secret = docker_secret(park.running("token").host, USER, PASSWORD)
    folder.put(secret)
    assert reason(folder.open(target), target) == "SecretNotGranted"
    realm = park.tokens.realm.split("/")[2]
    secret["metadata"]["annotations"] = {"shale.dev/hosts": realm}
    folder.put(secret)
    works(folder.open(target), target)


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
def test_a_person_comes_by_what_docker_login_left(park, tmp_path, kind):
    target = Target(f"{park.server(kind).host}/team/model")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {park.running(kind).host: {"username": USER, "password": PASSWORD}}}))
    works(open_for_person(target, RegistrySettings(), {}, config), target)


def test_a_person_without_a_login_is_told_so(park, tmp_path):
    target = Target(f"{park.server('htpasswd').host}/team/model")
    registry = open_for_person(target, RegistrySettings(), {}, tmp_path / "none")
    assert reason(registry, target, push=False) == "Unauthorized"


def test_a_person_is_told_where_there_is_no_registry(tmp_path):
    found = open_for_person(Target("models/x"), RegistrySettings(), {}, tmp_path / "none")
    assert isinstance(found, NoAccess)
    assert found.reason == "NoRegistry"
