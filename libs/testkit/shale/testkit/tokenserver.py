"""A token server on the loopback: it signs what docker-registry trusts (distribution's spec/auth/jwt)."""

import base64
import json
import secrets
import time
from urllib.parse import parse_qs, urlsplit

from shale.testkit.certificates import Certificate
from shale.testkit.dockerregistry import PASSWORD, REALM, USER
from shale.testkit.front import Exchange, Front

REFRESH = "a refresh token of these tests"


class TokenServer(Front):
    """Gives the user every scope, and anybody else none. `asked`: the scopes of each token, in their order.

    `lasts`: seconds that the next tokens last. `withheld`: actions that nobody gets.
    """

    def __init__(self, certificate: Certificate) -> None:
        super().__init__()
        self._certificate = certificate
        self._x5c = base64.b64encode(certificate.der()).decode()
        self.asked: list[list[str]] = []
        self.lasts = 300
        self.withheld: frozenset[str] = frozenset()
        self.default = self._answer

    @property
    def realm(self) -> str:
        """The URL that a registry names to its clients."""
        return f"http://{self.host}/token"

    def _answer(self, exchange: Exchange) -> None:
        form = parse_qs(exchange.body.decode() or urlsplit(exchange.path).query)
        user = _user(exchange, form)
        if user is None:
            return exchange.reply(401, {}, b'{"errors":[{"code":"UNAUTHORIZED","message":"no such user"}]}')
        scopes = [scope for one in form.get("scope", []) for scope in one.split()]
        self.asked.append(scopes)
        token = self._sign([self._grant(scope) for scope in scopes] if user else [])
        answer = {"token": token, "access_token": token, "expires_in": self.lasts}
        return exchange.reply(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _grant(self, scope: str) -> dict[str, object]:
        kind, name, actions = scope.split(":")
        return {"type": kind, "name": name, "actions": [one for one in actions.split(",") if one not in self.withheld]}

    def _sign(self, access: list[dict[str, object]]) -> str:
        now = int(time.time())
        claims = {
            "iss": REALM,
            "aud": REALM,
            "sub": USER,
            "iat": now - 5,
            "nbf": now - 5,
            "exp": now + max(self.lasts, 60),
            "jti": secrets.token_hex(8),
            "access": access,
        }
        head = {"typ": "JWT", "alg": "RS256", "x5c": [self._x5c]}
        signed = f"{_encode(json.dumps(head).encode())}.{_encode(json.dumps(claims).encode())}"
        return f"{signed}.{_encode(self._certificate.sign(signed.encode()))}"


def _user(exchange: Exchange, form: dict[str, list[str]]) -> str | None:
    """Return who asks, nobody's name for anybody, and None for somebody with a wrong password."""
    if form.get("grant_type") == ["refresh_token"]:
        return USER if form.get("refresh_token") == [REFRESH] else None
    basic = exchange.headers.get("Authorization", "")
    if not basic:
        return ""
    return USER if basic == f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}" else None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
