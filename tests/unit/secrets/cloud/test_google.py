"""The metadata server, played on a loopback server."""

import pytest

from shale.contracts.errors import Transient
from shale.secrets.cloud import google
from shale.secrets.cloud.endpoints import Endpoints
from shale.secrets.credentials import Basic
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Forbidden, Malformed
from shale.testkit.loopback import Loopback, reply

TOKEN = "ya29.access"
GIVEN = {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}
PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


def asked(answer):
    with Loopback(lambda _: answer) as server:
        return google.token("gcr.io", Endpoints(google=f"{server.url}{PATH}")), server.asked


def test_the_machines_identity_becomes_a_token_for_the_registry():
    found, (request,) = asked(reply(GIVEN, metadata_flavor="Google"))
    assert found == Basic("oauth2accesstoken", Hidden(TOKEN), ("gcr.io",))
    assert (request.method, request.path, request.headers["metadata-flavor"]) == ("GET", PATH, "Google")


def test_the_endpoint_is_the_documented_one_and_nothing_hidden_is_sent_there():
    assert Endpoints().google == f"http://metadata.google.internal{PATH}"
    _, (request,) = asked(reply(GIVEN, metadata_flavor="Google"))
    assert "authorization" not in request.headers


def test_whoever_does_not_say_that_it_is_google_is_not_believed():
    found, _ = asked(reply(GIVEN))
    assert isinstance(found, Forbidden)
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(reply({}, 404, metadata_flavor="Google"), Forbidden, id="a machine without an identity"),
        pytest.param(reply({"id_token": TOKEN}, metadata_flavor="Google"), Malformed, id="another answer"),
    ],
)
def test_what_is_no_token_is_a_value(answer, kind):
    found, _ = asked(answer)
    assert isinstance(found, kind)
    assert TOKEN not in repr(found)


def test_a_server_that_is_busy_is_asked_again():
    with pytest.raises(Transient):
        asked(reply({}, 503))
