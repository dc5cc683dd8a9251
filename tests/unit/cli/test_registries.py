"""Which registry a name leads to for a person, and as whom they come there."""

import base64
import json
from pathlib import Path

import pytest

from shale.cli import identity, registries
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit
from shale.cli.registries import Reach
from shale.oci.distribution.registry import Distribution
from shale.oci.layout import Layout

HOST, REPO = "registry.example", "registry.example/models/x"
PASSWORD = "correct horse"


@pytest.fixture
def common(tmp_path):
    return Common(home=str(tmp_path / "home"))


@pytest.fixture
def environ(tmp_path):
    return {"DOCKER_CONFIG": str(tmp_path), "SHALE_SECRETS_DIR": str(tmp_path / "secrets")}


def docker(tmp_path, **auths):
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))


def basic(user):
    return {"auth": base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()}


def secret(tmp_path, hosts=HOST, **data):
    path = tmp_path / "secrets" / "team-a" / "push.yaml"
    path.parent.mkdir(parents=True)
    path.touch(mode=0o600)
    metadata = {"name": "push", "namespace": "team-a", "labels": {"shale.dev/use": "true"}}
    metadata["annotations"] = {"shale.dev/hosts": hosts}
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}))


@pytest.mark.parametrize(
    ("repo", "settings", "where"),
    [
        pytest.param("models/x", {}, "{home}/registry", id="a folder of this home"),
        pytest.param("models/x", {"SHALE_LAYOUT_DIR": "/r"}, "/r", id="a folder that is named"),
        pytest.param("models/x", {"SHALE_HOME_REGISTRY": "r.example"}, "r.example", id="the home registry"),
        pytest.param(
            "models/x", {"SHALE_HOME_REGISTRY": "r.example", "SHALE_LAYOUT_DIR": "/r"}, "/r", id="the folder of both"
        ),
        pytest.param(REPO, {}, HOST, id="the host in the name"),
        pytest.param("localhost:5000/x", {}, "localhost:5000", id="this machine"),
    ],
)
def test_a_name_leads_to_its_registry(common, environ, repo, settings, where):
    said = where.format(home=common.home)
    assert registries.where(common, repo, environ | settings) == said
    store = registries.opened(common, repo, Reach(), environ | settings)
    assert store.where == said
    assert isinstance(store.registry, Layout if said.startswith("/") else Distribution)


def test_what_docker_login_left_is_where_docker_keeps_it(tmp_path):
    assert registries.docker_config({"DOCKER_CONFIG": str(tmp_path)}) == tmp_path / "config.json"
    assert registries.docker_config({}).parts[-2:] == (".docker", "config.json")


@pytest.mark.parametrize("text", ["push", "/push", "team-a/", "a/b/c"])
def test_a_secret_is_named_with_its_namespace(text):
    with pytest.raises(CliError, match="NAMESPACE/NAME") as caught:
        Reach(text).target(REPO)
    assert caught.value.code is Exit.USAGE


def test_a_secret_that_is_not_there_is_said_before_anybody_is_asked(common, environ):
    for ask in (registries.opened, identity.whose):
        with pytest.raises(CliError, match=r"SecretNotFound: .*write its manifest to"):
            ask(common, REPO, Reach("team-a/push"), environ)


@pytest.mark.parametrize(
    ("auths", "who", "source"),
    [
        pytest.param({HOST: basic("ann")}, "ann", "config.json", id="a user"),
        pytest.param({HOST: {"identitytoken": "t"}}, "an identity token", "config.json", id="an identity token"),
        pytest.param({HOST: {"registrytoken": "t"}}, "an access token", "config.json", id="an access token"),
        pytest.param({}, "nobody", f"knows nothing of {HOST}", id="another host"),
    ],
)
def test_who_docker_says_we_are(common, environ, auths, who, source):
    docker(Path(environ["DOCKER_CONFIG"]), **auths)
    found = identity.whose(common, REPO, Reach(), environ)
    assert (found.who, source in found.source) == (who, True)
    assert PASSWORD not in str(found)


def test_without_dockers_file_we_are_nobody(common, environ):
    assert "which is not there" in identity.whose(common, REPO, Reach(), environ).source


def test_a_helper_that_is_not_here_is_named(common, environ, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "desktop"}))
    assert "credential helper 'desktop'" in identity.whose(common, REPO, Reach(), environ).source


def test_a_folder_asks_nobody(common, environ):
    assert str(identity.whose(common, "models/x", Reach(), environ)) == "nobody"


def test_who_a_secret_says_we_are(common, environ, tmp_path):
    secret(tmp_path, username="ann", password=PASSWORD)
    assert str(identity.whose(common, REPO, Reach("team-a/push"), environ)) == "ann, by Secret team-a/push"


def test_a_secret_for_another_host_is_not_shown_to_this_one(common, environ, tmp_path):
    secret(tmp_path, hosts="other.example", username="ann", password=PASSWORD)
    with pytest.raises(CliError, match="SecretNotGranted") as caught:
        identity.whose(common, REPO, Reach("team-a/push"), environ)
    assert PASSWORD not in str(caught.value)
