"""Access tokens: changed for a credential at the place that a registry names, kept until shortly before they end.

distribution's token authentication: a GET with the login (spec/auth/token), or a POST with a refresh token (oauth).
"""

import re
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from shale.oci.distribution import challenge
from shale.oci.distribution.answer import Answer
from shale.oci.distribution.challenge import Challenge, Scopes
from shale.oci.distribution.credentials import Bearer, Credential, Identity, Login
from shale.oci.distribution.transport import Request

_CLIENT = "shale"
_DEFAULT_SECONDS = 60.0  # of a token that does not say how long it lasts (spec/auth/token)
_VISIBLE = re.compile(r"[!-~]+")  # what stands in a header
_MARGIN = 10.0  # a token must outlive the request that it goes with


class Token(msgspec.Struct, frozen=True):
    """An access token, what it was asked for, and until when it is good on the clock it was made with."""

    value: str
    scopes: Scopes
    until: float

    def __repr__(self) -> str:
        return f"Token({challenge.print_scopes(self.scopes)})"


class _Given(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""
    expires_in: float = _DEFAULT_SECONDS


class Purse:
    """The tokens of one registry. Not for several threads at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tokens: list[Token] = []

    def find(self, scopes: Scopes) -> Token | None:
        """Return a token that does for `scopes` and is still good."""
        now = self._clock()
        self._tokens = [one for one in self._tokens if one.until > now]
        return next((one for one in self._tokens if challenge.covers(one.scopes, scopes)), None)

    def drop(self, value: str) -> None:
        """Forget a token that was refused."""
        self._tokens = [one for one in self._tokens if one.value != value]

    def put(self, answer: Answer, scopes: Scopes) -> Token | None:
        """Keep what the token server gave; None when it gave nothing that could be used."""
        try:
            given = msgspec.json.decode(answer.data, type=_Given, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        value = given.token or given.access_token
        if not _VISIBLE.fullmatch(value):
            return None
        seconds = given.expires_in or _DEFAULT_SECONDS
        token = Token(value, scopes, self._clock() + max(seconds - _MARGIN, seconds / 2))
        self._tokens.append(token)
        return token


def request(asked: Challenge, scopes: Scopes, credential: Credential | None) -> Request:
    """Return what is sent to the token server, whose URL is the challenge's realm."""
    realm = asked.parameters.get("realm", "")
    wishes = [("scope", one) for one in challenge.print_scopes(scopes)]
    service = [("service", asked.parameters["service"])] if "service" in asked.parameters else []
    match credential:
        case Identity(token):
            joined = " ".join(one for _, one in wishes)
            form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token),
                ("client_id", _CLIENT),
                ("scope", joined),
            ]
            body = urlencode(form + service).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
            return Request("POST", realm, headers, body)
        case Login():
            return Request("GET", _with(realm, service + wishes), {"Authorization": credential.header()})
        case Bearer() | None:
            return Request("GET", _with(realm, service + wishes))


def _with(url: str, query: list[tuple[str, str]]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, urlencode(query))))))
