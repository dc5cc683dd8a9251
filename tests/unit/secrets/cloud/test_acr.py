"""Microsoft Entra and ACR's exchange, played on a loopback server."""

from urllib.parse import parse_qs

import msgspec
import pytest

from shale.secrets.cloud import acr
from shale.secrets.cloud.endpoints import Endpoints
from shale.secrets.credentials import AzurePrincipal, IdentityToken
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Forbidden, Malformed
from shale.testkit.loopback import Loopback, reply

SECRET, ACCESS = "cl1ent&s3cret=%", "access-token-of-entra"
PRINCIPAL = AzurePrincipal("my.azurecr.io", "409520d4", "client-id", Hidden(SECRET))


class Azure:
    """Both of its token endpoints; the registry is asked to know only what Entra gave."""

    def __init__(self):
        self.entra, self.registry = reply({"access_token": ACCESS}), reply({"refresh_token": "refresh"})
        self.forms = []

    def answer(self, request):
        form = {key: values[0] for key, values in parse_qs(request.body.decode(), strict_parsing=True).items()}
        self.forms.append((request.path, form))
        return self.registry if request.path == "/oauth2/exchange" else self.entra


@pytest.fixture
def azure():
    return Azure()


def identity(azure, principal=PRINCIPAL):
    with Loopback(azure.answer) as server:
        endpoints = Endpoints(azure=f"{server.url}/{{tenant}}/oauth2/v2.0/token", acr=f"{server.url}/oauth2/exchange")
        return acr.identity(principal, endpoints)


def test_a_principal_becomes_a_refresh_token_of_the_registry(azure):
    assert identity(azure) == IdentityToken(Hidden("refresh"), ("my.azurecr.io",))
    assert azure.forms == [
        (
            "/409520d4/oauth2/v2.0/token",
            {
                "grant_type": "client_credentials",
                "client_id": "client-id",
                "client_secret": SECRET,
                "scope": "https://containerregistry.azure.net/.default",
            },
        ),
        (
            "/oauth2/exchange",
            {
                "grant_type": "access_token",
                "service": "my.azurecr.io",
                "tenant": "409520d4",
                "access_token": ACCESS,
            },
        ),
    ]


def test_the_registry_never_sees_the_secret_of_the_principal(azure):
    identity(azure)
    assert SECRET not in repr(azure.forms[1])


def test_who_entra_does_not_know_is_forbidden_and_the_registry_is_not_asked(azure):
    azure.entra = reply({"error": "invalid_client", "error_description": f"AADSTS7000215 {SECRET}"}, 401)
    found = identity(azure)
    assert isinstance(found, Forbidden)
    assert "Microsoft Entra refused with 401 (invalid_client)" in found.message
    assert SECRET not in repr(found)
    assert len(azure.forms) == 1


def test_who_the_registry_does_not_let_in_is_forbidden(azure):
    azure.registry = reply({"errors": [{"code": "UNAUTHORIZED", "message": ACCESS}]}, 401)
    found = identity(azure)
    assert isinstance(found, Forbidden)
    assert "my.azurecr.io refused with 401 (no reason given)" in found.message
    assert ACCESS not in repr(found)


@pytest.mark.parametrize("tenant", ["../common", "a/b", "", "a?b", "a b"])
def test_a_tenant_that_would_be_another_path_is_malformed(azure, tenant):
    found = identity(azure, msgspec.structs.replace(PRINCIPAL, tenant=tenant))
    assert isinstance(found, Malformed)
    assert azure.forms == []


def test_an_answer_that_is_not_as_documented_is_malformed(azure):
    azure.registry = reply({"access_token": ACCESS})
    assert isinstance(identity(azure), Malformed)


def test_the_endpoints_are_the_documented_ones():
    assert Endpoints().azure.format(tenant="t") == "https://login.microsoftonline.com/t/oauth2/v2.0/token"
    assert Endpoints().acr.format(host="my.azurecr.io") == "https://my.azurecr.io/oauth2/exchange"
