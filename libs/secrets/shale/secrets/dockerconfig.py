"""Docker's configuration as a Secret holds it: which credential is for which place, helpers refused.

Docker CLI, `cli/config/types/authconfig.go` and `configfile/file.go`: `auth` is base64 of `user:password` and wins over
both by themselves; `identitytoken` wins over a password; `registrytoken` is an access token.
"""

import base64
import binascii
import re

import msgspec

from shale.secrets import places
from shale.secrets.credentials import Basic, Bearer, Credential, IdentityToken
from shale.secrets.hidden import Hidden
from shale.secrets.places import Place

KEY = ".dockerconfigjson"
TYPE = "kubernetes.io/dockerconfigjson"

_TOKEN_SERVERS = {places.HUB: ("auth.docker.io",)}
"""Docker Hub's challenges send to another host of its own."""

_VISIBLE = re.compile(r"[!-~]+")


class _Entry(msgspec.Struct):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None
    registrytoken: str | None = None


class _Config(msgspec.Struct, rename="camel"):
    auths: dict[str, msgspec.Raw] = {}
    creds_store: str = ""
    cred_helpers: dict[str, str] = {}


class Wrong(msgspec.Struct, frozen=True):
    """What cannot be read, and why; it names keys, never values."""

    why: str


class Unknown(msgspec.Struct, frozen=True):
    """Nothing is for this place; `keys` are the places that something is for."""

    keys: tuple[str, ...]


def find(data: Hidden[bytes], host: str, repo: str) -> Credential | Unknown | Wrong | None:
    """Return the credential for a repository on a host; None when its entry is empty, which is nobody's."""
    try:
        config = msgspec.json.decode(data.reveal(), type=_Config)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Wrong(f"{KEY} is not Docker's configuration in JSON ({{'auths': {{host: {{'auth': ...}}}}}})")
    known = _by_place(config.auths)
    place = places.best(known, host, repo)
    found = _credential(known[place], config.auths[known[place]], place.host, host) if place else None
    if found is None and (helper := _helper(config, host, repo)):
        cure = "put a user name and a password (or token) into it: kubectl create secret docker-registry"
        return Wrong(f"{KEY} leaves {host} to the credential helper {helper!r}, which is not here: {cure}")
    return found if place else Unknown(tuple(str(one) for one in sorted(known)))


def _by_place(auths: dict[str, msgspec.Raw]) -> dict[Place, str]:
    """Return the key of each place; of two that mean the same place the first that holds anything."""
    keys: dict[Place, str] = {}
    for key in auths:
        place = places.parse(key)
        if place and (place not in keys or _is_empty(auths[keys[place]])):
            keys[place] = key
    return keys


def _is_empty(entry: msgspec.Raw) -> bool:
    return bytes(entry).strip() == b"{}"


def _helper(config: _Config, host: str, repo: str) -> str:
    helpers = {place: name for key, name in config.cred_helpers.items() if (place := places.parse(key))}
    place = places.best(helpers, host, repo)
    return helpers[place] if place else config.creds_store


def _credential(key: str, raw: msgspec.Raw, pattern: str, host: str) -> Credential | Wrong | None:
    try:
        entry = msgspec.json.decode(raw, type=_Entry)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Wrong(f"{KEY}: the entry of {key!r} is not of the form {{'auth': ...}}")
    hosts = (places.host(host), *_TOKEN_SERVERS.get(pattern, ()))
    if entry.identitytoken:
        return IdentityToken(Hidden(entry.identitytoken), hosts)
    if entry.registrytoken:
        return _bearer(key, entry.registrytoken, hosts)
    return _basic(key, entry, hosts)


def _bearer(key: str, token: str, hosts: tuple[str, ...]) -> Bearer | Wrong:
    """Return the token when it can stand in a header."""
    if not _VISIBLE.fullmatch(token):
        return Wrong(f"{KEY}: 'registrytoken' of {key!r} holds signs that no token has")
    return Bearer(Hidden(token), hosts)


def _basic(key: str, entry: _Entry, hosts: tuple[str, ...]) -> Basic | Wrong | None:
    pair = (entry.username or "", entry.password or "")
    if entry.auth:
        decoded = _decoded(entry.auth)
        if decoded is None:
            return Wrong(f"{KEY}: 'auth' of {key!r} is not base64 of user:password")
        pair = decoded
    if not any(pair):
        return None
    if ":" in pair[0]:
        return Wrong(f"{KEY}: 'username' of {key!r} has a ':', which ends a user name")
    return Basic(pair[0], Hidden(pair[1]), hosts)


def _decoded(auth: str) -> tuple[str, str] | None:
    """Return user and password; Docker ends some passwords with NULs, and some tools leave the padding out."""
    try:
        text = base64.b64decode(auth + "=" * (-len(auth) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, colon, password = text.partition(":")
    return (user, password.strip("\0")) if colon else None
