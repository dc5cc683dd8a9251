"""Azure Container Registry: a refresh token of hours for a service principal.

Azure/acr, docs/AAD-OAuth.md: principal -> access token of Microsoft Entra -> the registry's refresh token. The last
step, the refresh token for an access token with a scope, is what a registry's challenge asks of any identity token.
"""

import re
from urllib.parse import quote, urlencode

import msgspec

from shale.secrets import wire
from shale.secrets.cloud.endpoints import Endpoints, decoded
from shale.secrets.credentials import AzurePrincipal, IdentityToken
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Forbidden, Malformed

_SCOPE = "https://containerregistry.azure.net/.default"
_TENANT = re.compile(r"[A-Za-z0-9.-]+")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class _Access(msgspec.Struct):
    access_token: str


class _Refresh(msgspec.Struct):
    refresh_token: str


def identity(principal: AzurePrincipal, endpoints: Endpoints) -> IdentityToken | Forbidden | Malformed:
    """Return the registry's refresh token."""
    if not _TENANT.fullmatch(principal.tenant):
        return Malformed("key 'AZURE_TENANT_ID' is no tenant: an id or a domain")
    form = {"grant_type": "client_credentials", "client_id": principal.client, "scope": _SCOPE}
    url = endpoints.azure.format(tenant=quote(principal.tenant))
    answer = wire.exchange("POST", url, _FORM, _form(form, "client_secret", principal.secret))
    match decoded(answer, _Access, "Microsoft Entra"):
        case _Access(access_token=token):
            return _exchanged(principal, Hidden(token), endpoints)
        case refused:
            return refused


def _exchanged(
    principal: AzurePrincipal, access: Hidden[str], endpoints: Endpoints
) -> IdentityToken | Forbidden | Malformed:
    form = {"grant_type": "access_token", "service": principal.host, "tenant": principal.tenant}
    url = endpoints.acr.format(host=principal.host)
    answer = wire.exchange("POST", url, _FORM, _form(form, "access_token", access))
    match decoded(answer, _Refresh, principal.host):
        case _Refresh(refresh_token=token):
            return IdentityToken(Hidden(token), (principal.host,))
        case refused:
            return refused


def _form(words: dict[str, str], key: str, hidden: Hidden[str]) -> Hidden[bytes]:
    return Hidden(urlencode({**words, key: hidden.reveal()}).encode())
