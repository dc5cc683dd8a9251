"""`pull`, `verify`, `inspect` and `login-check` against real registries, as whoever may and as whoever may not."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from shale.oci.distribution.registry import Distribution
from shale.testkit.dockerregistry import PASSWORD, USER, DockerRegistry
from shale.testkit.images import publish
from shale.testkit.person import Here
from shale.testkit.registries import Park

REPO = "models/x"
SMALL = {"config.json": b"{}\n"}
WEIGHTS = {"model.safetensors": os.urandom(1 << 20) * 6}


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """Return a person whose Docker knows nobody."""
    place = Here(tmp_path)
    place.environ["DOCKER_CONFIG"] = str(tmp_path)
    place.environ.pop("SSL_CERT_FILE", None)
    return place


def filled(park: Park, kind: str) -> DockerRegistry:
    """Return the registry of a kind, with two versions in it that share their weights."""
    server = park.server(kind)
    registry = Distribution(park.options(kind))
    publish(registry, REPO, "v1", SMALL, weights=WEIGHTS)
    publish(registry, REPO, "v2", {"config.json": b"{ }\n"}, weights=WEIGHTS)
    registry.close()
    return server


def logged_in(here: Here, host: str, password: str = PASSWORD) -> None:
    """Do what `docker login` does."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (here.folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def secret(here: Here, host: str) -> str:
    """Write a Secret that its owner lets go to this host; return its name."""
    path = here.folder / "secrets" / "team-a" / "push.yaml"
    path.parent.mkdir(parents=True)
    tree = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "push",
            "namespace": "team-a",
            "labels": {"shale.dev/use": "true"},
            "annotations": {"shale.dev/hosts": host},
        },
        "stringData": {"username": USER, "password": PASSWORD},
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(tree))
    here.environ["SHALE_SECRETS_DIR"] = str(here.folder / "secrets")
    return "team-a/push"


@pytest.mark.parametrize("kind", ["plain", "htpasswd", "token", "tls"])
def test_an_image_is_pulled_verified_and_inspected(here: Here, park: Park, kind: str) -> None:
    server = filled(park, kind)
    image = f"{server.host}/{REPO}:v1"
    if kind in {"htpasswd", "token"}:
        logged_in(here, server.host)
    if kind == "tls":
        here.environ["SSL_CERT_FILE"] = str(park.certificate.certificate)
    pulled = here.shale("pull", image, "out")
    assert pulled.returncode == 0, pulled.stderr
    assert (here.folder / "out" / "model.safetensors").read_bytes() == WEIGHTS["model.safetensors"]
    verified = here.shale("verify", image, "out")
    assert (verified.returncode, "all digests right" in verified.stdout) == (0, True), verified.stderr
    tree = json.loads(here.shale("inspect", image, "-o", "json").stdout)
    assert [one["what"] for one in tree["manifests"]] == ["linux/amd64", "linux/arm64"]
    assert [one["what"] for one in tree["referrers"]] == ["application/vnd.cncf.model.manifest.v1+json"]
    assert [layer["sharedWith"] for layer in tree["layers"]] == [[], ["v2"]]
    assert [entry["path"] for entry in tree["layers"][1]["files"]] == ["models/model.safetensors"]
    assert PASSWORD not in pulled.stderr + verified.stderr


def test_an_image_that_is_not_there_says_in_which_registry(here: Here, park: Park) -> None:
    server = filled(park, "plain")
    done = here.shale("pull", f"{server.host}/{REPO}:v9", "out")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"is not in the registry {server.host}" in done.stderr


def test_a_registry_that_is_not_there_is_one_line(here: Here) -> None:
    done = here.shale("inspect", "127.0.0.1:1/models/x:v1")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:1" in done.stderr
    assert "bug" not in done.stderr


def test_a_login_is_told_by_name_and_place_and_never_by_its_secret(here: Here, park: Park) -> None:
    server = filled(park, "htpasswd")
    logged_in(here, server.host)
    done = here.shale("login-check", f"{server.host}/{REPO}:v1")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    assert "pull works; push works" in done.stdout
    assert f"as {USER}, by {here.folder / 'config.json'}" in done.stdout
    assert "(distribution)" in done.stdout
    with_secret = here.shale(
        "login-check", f"{server.host}/{REPO}", "--secret", secret(here, server.host), "-o", "json"
    )
    found = json.loads(with_secret.stdout)
    assert found["identity"] == {"who": USER, "source": "Secret team-a/push"}
    assert found["pull"] == found["push"] == {"works": True}
    for text in (done.stdout, with_secret.stdout, done.stderr, with_secret.stderr):
        assert PASSWORD not in text


def test_who_may_not_is_told_so_with_the_exit_code(here: Here, park: Park) -> None:
    server = filled(park, "htpasswd")
    for password in (None, "wrong"):
        if password:
            logged_in(here, server.host, password)
        done = here.shale("login-check", f"{server.host}/{REPO}")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "pull fails: Unauthorized" in done.stderr
        assert "push fails: Unauthorized" in done.stderr
        assert f"`docker login` there{' again' if password else ''}, or say --secret" in done.stderr
        assert "pushSecretRef" not in done.stderr
        assert f"as {USER if password else 'nobody'}" in done.stderr
    assert "wrong" not in done.stderr.replace("wrongly", "")


def test_a_repository_that_the_first_push_makes_is_no_fault(here: Here, park: Park) -> None:
    server = park.server("plain")
    done = here.shale("login-check", f"{server.host}/models/new")
    assert (done.returncode, "pull works; push works" in done.stdout) == (0, True), done.stderr
    only = here.shale("login-check", f"{server.host}/models/new", "--for", "pull")
    assert (only.returncode, "RepositoryNotFound" in only.stderr) == (1, True)


def test_a_folder_asks_for_no_login(here: Here) -> None:
    done = here.shale("login-check", REPO)
    assert (done.returncode, "as nobody" in done.stdout, "a folder of layouts" in done.stdout) == (0, True, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("login-check", "Models/X"), "is not a repository", id="no repository"),
        pytest.param(("login-check", REPO, "--secret", "push"), "NAMESPACE/NAME", id="a secret without a namespace"),
        pytest.param(("inspect", REPO), "REPO:TAG", id="no tag"),
    ],
)
def test_what_is_asked_wrongly_says_how(here: Here, words: tuple[str, ...], said: str) -> None:
    done = here.shale(*words)
    assert (done.returncode, done.stderr.count("\n"), said in done.stderr) == (2, 1, True), done.stderr


def test_a_secret_that_is_not_there_is_named_with_its_cure(here: Here, park: Park) -> None:
    server = park.server("plain")
    here.environ["SHALE_SECRETS_DIR"] = str(here.folder / "secrets")
    done = here.shale("login-check", f"{server.host}/{REPO}", "--secret", "team-a/none")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "SecretNotFound" in done.stderr
    assert "write its manifest to" in done.stderr
