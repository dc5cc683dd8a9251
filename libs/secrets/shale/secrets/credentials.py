"""Credentials as values. None of them is shown, kept or sent to a host that it does not name itself."""

import msgspec

from shale.secrets import places
from shale.secrets.hidden import Hidden


class Basic(msgspec.Struct, frozen=True):
    """A user name and a password: shown to a registry that asks for Basic, or to its token server."""

    username: str
    password: Hidden[str]
    hosts: tuple[str, ...]


class IdentityToken(msgspec.Struct, frozen=True):
    """What a token server gives access tokens for (`grant_type=refresh_token`, distribution's "OAuth2 token")."""

    token: Hidden[str]
    hosts: tuple[str, ...]


class Bearer(msgspec.Struct, frozen=True):
    """An access token, shown to the registry as it is."""

    token: Hidden[str]
    hosts: tuple[str, ...]


Credential = Basic | IdentityToken | Bearer


class EcrKeys(msgspec.Struct, frozen=True):
    """AWS keys, good for a password of the registry `host` in `region`."""

    host: str
    region: str
    access_key: str
    secret_key: Hidden[str]
    session_token: Hidden[str] | None = None


class AzurePrincipal(msgspec.Struct, frozen=True):
    """A service principal, good for a refresh token of the registry `host`."""

    host: str
    tenant: str
    client: str
    secret: Hidden[str]


Exchange = EcrKeys | AzurePrincipal
"""What is not a credential yet: a cloud gives one for it that lasts for hours."""


def may_go_to(credential: Credential, host: str) -> bool:
    """Tell whether a host (a registry, or the realm that its challenge names) may see the credential."""
    return any(places.covers(places.Place(places.host(one)), host, "") for one in credential.hosts)
