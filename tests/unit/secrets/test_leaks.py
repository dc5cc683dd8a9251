"""Whatever goes wrong on the way to a credential, nobody hears the secret: a grep over all that is told."""

import base64
import io
import logging
import traceback
from urllib.parse import quote

import pytest
import yaml

from shale.runtime.telemetry import JsonLines
from shale.secrets.cloud.endpoints import Endpoints
from shale.secrets.cluster import Api, ClusterSecrets
from shale.secrets.folder import FolderSecrets
from shale.secrets.login import Login
from shale.testkit.loopback import Loopback, Reply, reply
from shale.testkit.secrets import MemorySecrets, docker_secret, opaque

SECRET, TOKEN = "s3cr3t&Pa55word", "token-of-this-pod-itself"
ECR = "012345678901.dkr.ecr.eu-west-1.amazonaws.com"
AWS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": SECRET}
AZURE = {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": SECRET}
WORLDS = [
    pytest.param(docker_secret("ghcr.io", "u", SECRET), "ghcr.io", id="docker's configuration"),
    pytest.param(docker_secret("ghcr.io", "u", SECRET), "quay.io", id="docker's configuration of another host"),
    pytest.param(opaque({".dockerconfigjson": SECRET}), "ghcr.io", id="a configuration that is none"),
    pytest.param(opaque({"username": "u", "password": SECRET}, hosts="ghcr.io"), "ghcr.io", id="a password"),
    pytest.param(opaque({"username": "u", "password": SECRET}, hosts="quay.io"), "ghcr.io", id="of another host"),
    pytest.param(opaque({"token": f"{SECRET}\n{SECRET}"}, hosts="ghcr.io"), "ghcr.io", id="a token of two lines"),
    pytest.param(opaque(AWS, hosts=ECR), ECR, id="keys of AWS"),
    pytest.param(opaque({**AWS, "AWS_ACCESS_KEY_ID": "a\nb"}, hosts=ECR), ECR, id="keys of AWS that no header takes"),
    pytest.param(opaque(AZURE, hosts="my.azurecr.io"), "my.azurecr.io", id="a principal"),
    pytest.param(opaque({"key.json": SECRET}, hosts="gcr.io"), "gcr.io", id="a service account"),
    pytest.param(opaque({}) | {"data": {"a": f"{SECRET}!"}}, "ghcr.io", id="no base64"),
    pytest.param(opaque({}) | {"stringData": {"a": [SECRET]}}, "ghcr.io", id="a list for a text"),
]
ANSWERS = [
    pytest.param(reply({"access_token": SECRET, "refresh_token": SECRET}), id="that gives tokens"),
    pytest.param(reply({"authorizationData": [{"authorizationToken": SECRET}]}), id="that gives what is no token"),
    pytest.param(reply({"error": f"you sent {SECRET}", "__type": f"x {SECRET}"}, 400), id="that repeats what it got"),
    pytest.param(Reply(500, SECRET.encode()), id="that is down"),
    pytest.param(Reply(200, SECRET.encode()), id="that speaks no JSON"),
    pytest.param(Reply(302, headers={"location": f"https://evil.example/{SECRET}"}), id="that sends elsewhere"),
    pytest.param(None, id="that is not there"),
]


@pytest.fixture
def logged(monkeypatch):
    """All that anybody logs, down to the last detail, as the services write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    monkeypatch.setattr(logging.root, "handlers", [handler])
    monkeypatch.setattr(logging.root, "level", logging.DEBUG)
    return stream


@pytest.fixture
def cloud(request):
    """Endpoints of a cloud that answers so; of none at all when there is no answer."""
    if request.param is None:
        yield Endpoints(*["http://127.0.0.1:1"] * 4)
        return
    with Loopback(lambda _: request.param) as server:
        yield Endpoints(*[server.url] * 4)


@pytest.fixture(params=["memory", "folder"])
def door(request, tmp_path):
    """Return what opens the door over one Secret."""

    def folder(tree):
        path = tmp_path / "team-a" / "push.yaml"
        path.parent.mkdir()
        path.write_text(yaml.safe_dump(tree))
        path.chmod(0o600)
        return FolderSecrets(tmp_path)

    return {"memory": MemorySecrets, "folder": folder}[request.param]


def told_by(call):
    """Return all that a call tells: what it returns, or what it raises with every frame's locals."""
    try:
        found = call()
    except Exception as error:
        logging.getLogger("shale").exception("it went wrong")
        frames = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join(frames.format()) + repr(error) + repr(error.args)
    return f"{found!r} {found}"


def silent(told, *secrets):
    for secret in secrets:
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
        pair = base64.b64encode(f"u:{secret}".encode()).decode().rstrip("=")
        for form in (secret, quote(secret), encoded, pair):
            assert form not in told


@pytest.mark.parametrize("cloud", ANSWERS, indirect=True)
@pytest.mark.parametrize(("tree", "host"), WORLDS)
def test_nobody_hears_the_secret(tree, host, door, cloud, logged):
    login = Login(door(tree), endpoints=cloud)
    told = told_by(lambda: login.credential("team-a", "push", host, "team/x"))
    silent(told + logged.getvalue(), SECRET)


@pytest.mark.parametrize("found", ANSWERS)
def test_nobody_hears_the_pods_own_token(found, tmp_path, logged):
    (tmp_path / "token").write_text(TOKEN)
    with Loopback(lambda _: found) as server:
        url = server.url if found else "http://127.0.0.1:1"
        secrets = ClusterSecrets(Api(url, tmp_path / "token"))
        told = told_by(lambda: secrets.get("team-a", "push"))
    silent(told + logged.getvalue(), SECRET, TOKEN)


@pytest.mark.parametrize("text", [f"{TOKEN}\n{TOKEN}", f"{TOKEN}é", f"\0{TOKEN}"])
def test_nobody_hears_a_token_that_is_none(text, tmp_path, logged):
    (tmp_path / "token").write_text(text)
    secrets = ClusterSecrets(Api("http://127.0.0.1:1", tmp_path / "token"))
    text = ""
    told = told_by(lambda: secrets.get("team-a", "push"))
    assert "ValueError" in told
    silent(told + logged.getvalue(), TOKEN)


def test_the_grep_finds_what_is_there():
    for form in (SECRET, quote(SECRET), base64.b64encode(SECRET.encode()).decode()):
        with pytest.raises(AssertionError):
            silent(f"... {form} ...", SECRET)
