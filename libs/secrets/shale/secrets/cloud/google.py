"""Artifact Registry: an access token of an hour for the machine's own identity (GKE Workload Identity, Compute Engine).

Artifact Registry, "Configure authentication to Docker": the user name is `oauth2accesstoken`. A service account's key
needs no exchange: it is a password of the user `_json_key` (`choose`). Making a token of it needs RS256, which the
standard library has not, and a key is no safer for it.
"""

import msgspec

from shale.secrets import wire
from shale.secrets.cloud.endpoints import Endpoints, decoded
from shale.secrets.credentials import Basic
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Forbidden, Malformed

_FLAVOR = {"Metadata-Flavor": "Google"}


class _Token(msgspec.Struct):
    access_token: str


def token(host: str, endpoints: Endpoints) -> Basic | Forbidden | Malformed:
    """Return a user name and a token; an answer without Google's header comes from somebody else."""
    answer = wire.exchange("GET", endpoints.google, _FLAVOR)
    if answer.headers.get("metadata-flavor") != "Google":
        return Forbidden("the metadata server is not Google's: this machine has no identity for Artifact Registry")
    match decoded(answer, _Token, "the metadata server"):
        case _Token(access_token=given):
            return Basic("oauth2accesstoken", Hidden(given), (host,))
        case refused:
            return refused
