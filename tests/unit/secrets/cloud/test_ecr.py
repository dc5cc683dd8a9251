"""ECR's GetAuthorizationToken, played on a loopback server."""

import base64
import datetime as dt

import pytest

from shale.contracts.errors import Transient
from shale.secrets.cloud import ecr
from shale.secrets.cloud.endpoints import Endpoints
from shale.secrets.credentials import Basic, EcrKeys
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Forbidden, Malformed
from shale.testkit.loopback import Loopback, Reply, reply

SECRET, PASSWORD = "wJalrXUtnFEMI", "p4ss-of-twelve-hours"
HOST = "012345678901.dkr.ecr.eu-west-1.amazonaws.com"
KEYS = EcrKeys(HOST, "eu-west-1", "AKIDEXAMPLE", Hidden(SECRET), Hidden("session"))
AT = dt.datetime(2025, 11, 21, tzinfo=dt.UTC)


def tokens(*texts):
    data = [{"authorizationToken": base64.b64encode(text).decode(), "expiresAt": 1.7e9} for text in texts]
    return reply({"authorizationData": data})


def asked(answer):
    """Return what came of it, and what was asked."""
    with Loopback(lambda _: answer) as server:
        return ecr.password(KEYS, Endpoints(ecr=f"{server.url}/"), AT), server.asked


def test_keys_become_a_password_for_the_registry():
    found, requests = asked(tokens(f"AWS:{PASSWORD}".encode()))
    assert found == Basic("AWS", Hidden(PASSWORD), (HOST,))
    (request,) = requests
    assert (request.method, request.path, request.body) == ("POST", "/", b"{}")
    assert request.headers["x-amz-target"] == "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
    assert request.headers["content-type"] == "application/x-amz-json-1.1"
    assert request.headers["x-amz-security-token"] == "session"
    assert "Credential=AKIDEXAMPLE/20251121/eu-west-1/ecr/aws4_request" in request.headers["authorization"]
    assert SECRET not in repr(request)


def test_the_host_that_is_signed_is_the_host_that_is_asked():
    _, (request,) = asked(tokens(b"AWS:x"))
    assert request.headers["host"].startswith("127.0.0.1:")
    assert (
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
        in request.headers["authorization"]
    )


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param(HOST, "https://api.ecr.eu-west-1.amazonaws.com/", id="the world"),
        pytest.param(f"{HOST}.cn", "https://api.ecr.eu-west-1.amazonaws.com.cn/", id="China"),
    ],
)
def test_the_endpoint_is_the_one_of_the_region(host, url, monkeypatch):
    seen = []
    monkeypatch.setattr(
        ecr.wire, "exchange", lambda _, url, *__: seen.append(url) or ecr.wire.Answer(400, {}, Hidden(b""))
    )
    ecr.password(EcrKeys(host, "eu-west-1", "A", Hidden("x")), Endpoints(), AT)
    assert seen == [url]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(tokens(), id="no token"),
        pytest.param(tokens(PASSWORD.encode()), id="a token without a colon"),
        pytest.param(tokens(b"AWS:\xff"), id="a token that is no text"),
        pytest.param(reply({"authorizationData": [{"authorizationToken": f"!{PASSWORD}"}]}), id="no base64"),
        pytest.param(reply({"token": PASSWORD}), id="another answer"),
        pytest.param(Reply(body=PASSWORD.encode()), id="no JSON"),
    ],
)
def test_an_answer_that_is_not_as_documented_is_malformed_and_not_shown(answer):
    found, _ = asked(answer)
    assert isinstance(found, Malformed)
    assert PASSWORD not in repr(found)


def test_a_refusal_names_its_code_and_nothing_else():
    found, _ = asked(reply({"__type": "UnrecognizedClientException", "message": f"you sent {SECRET}"}, 400))
    assert isinstance(found, Forbidden)
    assert "400 (UnrecognizedClientException)" in found.message
    assert SECRET not in repr(found)


def test_a_cloud_that_is_busy_is_asked_again():
    with pytest.raises(Transient, match="answered 503"):
        asked(reply({}, 503))
