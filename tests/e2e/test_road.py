"""The whole road into a real registry that asks for a login, from the Secret to the leftovers, as the README has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shale.testkit.dockerregistry import PASSWORD, USER, DockerRegistry
from shale.testkit.person import Here, ended, tiny
from shale.testkit.registries import Park

pytestmark = pytest.mark.real_nats

SPACE = ("-n", "team-a")
LOGIN = ("--secret", "team-a/push")


@pytest.fixture
def server(park: Park) -> DockerRegistry:
    return park.server("htpasswd")


def secret(folder: Path, host: str, password: str = PASSWORD) -> None:
    """Write the Secret's manifest, for its owner's eyes alone."""
    path = folder / "secrets" / "team-a" / "push.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"name": "push", "namespace": "team-a", "labels": {"shale.dev/use": "true"}}
    metadata["annotations"] = {"shale.dev/hosts": host}
    data = {"username": USER, "password": password}
    path.touch(mode=0o600)
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    place = Here(tmp_path)
    place.environ["SHALE_SECRETS_DIR"] = str(tmp_path / "secrets")
    place.environ["DOCKER_CONFIG"] = str(tmp_path)
    tiny(tmp_path)
    process, _ = place.up("--models", f"/models={tmp_path / 'models'}", "--workers", "1")
    try:
        yield place
    finally:
        assert ended(process) == 0


def test_a_version_goes_into_a_registry_with_the_secret_that_it_names(here: Here, server: DockerRegistry) -> None:
    secret(here.folder, server.host, "wrong")
    repo = f"{server.host}/models/tiny"
    manifest = here.version("far", imageRepo=repo, pushSecretRef={"name": "push"})
    assert here.shale("apply", "-f", str(manifest)).returncode == 0
    stalled = here.shale("wait", "mv/far", *SPACE, "--timeout", "60")
    assert (stalled.returncode, "Unauthorized" in stalled.stderr) == (4, True), stalled.stderr
    assert here.shale("login-check", repo, *LOGIN).returncode == 1
    secret(here.folder, server.host)
    assert here.shale("login-check", repo, *LOGIN).returncode == 0
    assert here.shale("retry", "mv/far", *SPACE).returncode == 0
    ready = here.shale("wait", "mv/far", *SPACE, "--timeout", "60")
    assert ready.returncode == 0, ready.stderr
    assert here.shale("pull", f"{repo}:v1", "out", *LOGIN).returncode == 0
    assert here.shale("verify", f"{repo}:v1", "out", *LOGIN).returncode == 0
    tree = json.loads(here.shale("inspect", f"{repo}:v1", *LOGIN, "-o", "json").stdout)
    assert [one["what"] for one in tree["manifests"]] == ["linux/amd64", "linux/arm64"]
    described = here.shale("describe", "mv/far", *SPACE).stdout
    assert f"{repo}:v1@sha256:" in described
    deleted = here.shale("delete", "mv/far", *SPACE).stdout
    assert f"image-builder left {repo}:v1@sha256:" in deleted
    said = [described, deleted, here.shale("events", "-o", "json").stdout]
    logs = [log.read_text() for log in (here.folder / "home" / "logs").iterdir()]
    assert [text for text in (*said, *logs) if PASSWORD in text] == []
