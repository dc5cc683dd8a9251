"""Secrets of a cluster: what the API server's answers mean, and what it is shown."""

from pathlib import Path

import pytest

from shale.contracts.errors import Transient
from shale.secrets.cluster import ACCOUNT, Api, ClusterSecrets, of_pod
from shale.secrets.secret import Forbidden, Malformed, Missing, Secret
from shale.testkit.loopback import Loopback, Reply, reply
from shale.testkit.secrets import TOKEN, MemorySecrets, SecretsApi, opaque

SECRET = "s3cr3t-Pa55word"
HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"


@pytest.fixture
def api():
    return SecretsApi(MemorySecrets(opaque({"token": SECRET})))


@pytest.fixture
def server(api):
    with Loopback(api.answer) as running:
        yield running


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def secrets(server, token):
    return ClusterSecrets(Api(server.url, token))


def test_a_secret_is_one_get_with_the_pods_token(secrets, server):
    assert isinstance(secrets.get("team-a", "push"), Secret)
    assert [(asked.method, asked.path) for asked in server.asked] == [("GET", "/api/v1/namespaces/team-a/secrets/push")]
    assert server.last.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_token_that_was_replaced_is_read_anew_every_time(secrets, api, token):
    secrets.get("team-a", "push")
    api.token = "another"
    token.write_text("another")
    assert isinstance(secrets.get("team-a", "push"), Secret)


def test_a_token_that_is_replaced_meanwhile_is_read_once_more_after_a_401(token):
    asked = []

    def answer(request):
        asked.append(request.headers["authorization"])
        token.write_text("new")
        return reply(opaque({}), 200 if asked[-1] == "Bearer new" else 401)

    with Loopback(answer) as server:
        assert isinstance(ClusterSecrets(Api(server.url, token)).get("team-a", "push"), Secret)
    assert asked == [f"Bearer {TOKEN}", "Bearer new"]


def test_a_token_that_nobody_knows_is_shown_twice_and_no_more(secrets, server, token):
    token.write_text("unknown")
    found = secrets.get("team-a", "push")
    assert isinstance(found, Forbidden)
    assert "does not know this pod's token" in found.message
    assert len(server.asked) == 2


def test_a_403_says_the_command_that_grants_it(secrets, api):
    api.secrets.forbidden.add(("team-a", "push"))
    found = secrets.get("team-a", "push")
    assert isinstance(found, Forbidden)
    assert "shale grant team-a push | kubectl apply -f -" in found.message


def test_a_404_is_missing(secrets):
    assert isinstance(secrets.get("team-a", "other"), Missing)


@pytest.mark.parametrize("name", ["../../nodes", "push/../other", "push?watch=1", "%2e%2e"])
def test_a_name_that_is_none_is_not_asked_for(secrets, server, name):
    assert isinstance(secrets.get("team-a", name), Missing)
    assert server.asked == []


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(Reply(body=SECRET.encode()), id="no JSON"),
        pytest.param(Reply(body=b'{"data": ' * 100_000), id="a well without a bottom"),
        pytest.param(reply([SECRET]), id="a list"),
        pytest.param(reply({"kind": "Pod", "data": {"a": SECRET}}), id="another kind"),
        pytest.param(reply(opaque({"token": SECRET}, name="other")), id="another Secret"),
    ],
)
def test_an_answer_that_is_no_secret_is_malformed_and_not_shown(token, found):
    with Loopback(lambda _: found) as server:
        answer = ClusterSecrets(Api(server.url, token)).get("team-a", "push")
    assert isinstance(answer, Malformed)
    assert SECRET not in repr(answer)


def test_a_server_that_is_busy_is_asked_again_when_it_says(token):
    with Loopback(lambda _: reply({}, 429, retry_after="3")) as server, pytest.raises(Transient) as raised:
        ClusterSecrets(Api(server.url, token)).get("team-a", "push")
    assert raised.value.after == 3


def test_an_answer_that_no_api_server_gives_is_a_bug(token):
    with Loopback(lambda _: reply({}, 302)) as server, pytest.raises(RuntimeError, match="answered 302"):
        ClusterSecrets(Api(server.url, token)).get("team-a", "push")


@pytest.mark.parametrize("name", ["token", "ca"])
def test_a_file_that_is_not_there_yet_passes(tmp_path, token, name):
    (tmp_path / "ca").write_text("x")
    (tmp_path / name).unlink()
    with pytest.raises(Transient, match=f"{name} cannot be read: No such file"):
        ClusterSecrets(Api("https://127.0.0.1:1", token, tmp_path / "ca")).get("team-a", "push")


def test_an_authority_that_is_none_passes_once_it_is_mended(tmp_path, token):
    (tmp_path / "ca").write_text("x")
    with pytest.raises(Transient, match="holds no certificate"):
        ClusterSecrets(Api("https://127.0.0.1:1", token, tmp_path / "ca")).get("team-a", "push")


def test_a_token_is_not_shown_without_tls(token):
    with pytest.raises(ValueError, match="without TLS"):
        ClusterSecrets(Api("http://10.0.0.1", token)).get("team-a", "push")


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        pytest.param(
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"},
            "https://10.0.0.1:6443",
            id="an address",
        ),
        pytest.param({"KUBERNETES_SERVICE_HOST": "fd00::1"}, "https://[fd00::1]:443", id="an address of IPv6"),
    ],
)
def test_a_pod_finds_its_api_server(environ, url):
    assert of_pod(environ) == Api(url, ACCOUNT / "token", ACCOUNT / "ca.crt")
    assert of_pod(environ, Path("x")) == Api(url, Path("x/token"), Path("x/ca.crt"))


def test_outside_of_a_cluster_there_is_none():
    assert of_pod({}) is None
