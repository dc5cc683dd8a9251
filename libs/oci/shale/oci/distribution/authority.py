"""What one registry wants to see of us: learnt from its first challenge, proven with every request that goes to it.

Credentials are renewed while a job runs: one that is refused, by the registry or by its token server, is read anew.
"""

import time
from collections.abc import Callable
from threading import Lock

import msgspec

from shale.oci.distribution import challenge, origin, tokens
from shale.oci.distribution.answer import Answer
from shale.oci.distribution.challenge import Challenge, Scopes
from shale.oci.distribution.credentials import Bearer, Credential, Login
from shale.oci.distribution.mask import Mask
from shale.oci.distribution.options import Options
from shale.oci.distribution.refusals import denied, missing, no_registry, unauthorized, unknown
from shale.oci.distribution.transport import Request
from shale.oci.refusal import NoAccess, Refused

Ask = Callable[[Request], Answer]
"""Sends to a token server, following no redirect."""


class Authority:
    """The challenge, the credential and the tokens of one registry, shared by its threads: one fetches, all wait.

    `mask` learns whatever is secret of it.
    """

    def __init__(self, host: str, options: Options, ask: Ask, lead: Callable[[str], str]) -> None:
        """Ask token servers where their realms `lead`. Raises Refused for those that nobody follows."""
        self._host, self._credentials, self._shown_to = host, options.credentials, options.shown_to
        self._ask, self._lead, self._cures = ask, lead, options.cures
        self.mask = Mask()
        self._challenge: Challenge | None = None
        self._held: Credential | None = None
        self._purse = tokens.Purse(time.monotonic)
        self._lock = Lock()

    def header(self, scopes: Scopes) -> str:
        """Return the `Authorization` to send; nothing before the first challenge. Raises Refused, Lost."""
        with self._lock:
            if self._challenge is None:
                return ""
            return self._header(self._challenge, scopes)

    def learn(self, answer: Answer, scopes: Scopes, sent: str, *, again: bool) -> str:
        """Return the `Authorization` to try after a 401 (or a 403).

        It comes from a credential read anew with `again`, and where the one that was sent has nothing else to show.
        Raises Refused when there is nothing else to try, and Lost.
        """
        offered = challenge.parse(answer.headers.get("WWW-Authenticate", ""))
        chosen = challenge.first(offered, "bearer") or challenge.first(offered, "basic") or self._challenge
        with self._lock:
            if chosen is None:
                raise Refused(self.refusal(answer))
            if again or self._challenge is None:
                self._read(again=again)
            self._challenge = chosen
            self._purse.drop(sent.removeprefix("Bearer "))
            wider = challenge.merge(scopes, challenge.parse_scopes(chosen.parameters.get("scope", "")))
            header = self._header(chosen, wider)
            if header == sent and not again and self._read(again=True):
                header = self._header(chosen, wider)
        if header == sent:
            raise Refused(self.refusal(answer))
        return header

    def refusal(self, answer: Answer) -> NoAccess:
        """Return what an answer of 401 or 403 means, when nothing else is left to try."""
        scarce = "insufficient_scope" in answer.headers.get("WWW-Authenticate", "")
        known = self._held is not None
        if answer.page:
            return no_registry(self._host, f"answers {answer.status} with a page")
        if missing(answer.reason()):
            return unknown(self._host, answer.reason())
        if answer.status == 403 or (scarce and known):  # noqa: PLR2004 (Forbidden)
            return denied(self._host, answer.reason())
        return unauthorized(self._host, self._held, answer.reason(), self._cures)

    def _read(self, *, again: bool) -> bool:
        """Read the credential; say whether it is another one now. What the old one was changed for goes with it."""
        held, self._held = self._held, self._credentials(self._host, again=again)
        if held == self._held:
            return False
        self.mask.learn(*(self._held.secrets if self._held else ()))
        self._purse = tokens.Purse(time.monotonic)
        return True

    def _header(self, asked: Challenge, scopes: Scopes) -> str:
        if isinstance(self._held, Bearer):
            return f"Bearer {self._held.token}"
        if asked.scheme == "basic":
            if not isinstance(self._held, Login):
                raise Refused(unauthorized(self._host, self._held, "it asks for a user and a password", self._cures))
            return self._held.header()
        token = self._purse.find(scopes) or self._fetch(asked, scopes)
        return f"Bearer {token.value}"

    def _fetch(self, asked: Challenge, scopes: Scopes) -> tokens.Token:
        answer = self._changed(asked, scopes)
        if not answer.ok and self._read(again=True):
            answer = self._changed(asked, scopes)
        if not answer.ok:
            raise Refused(
                unauthorized(self._host, self._held, f"its token server answers {answer.reason()}", self._cures)
            )
        token = self._purse.put(answer, scopes)
        if token is None:
            raise Refused(unauthorized(self._host, self._held, "its token server answers without a token", self._cures))
        self.mask.learn(token.value)
        return token

    def _changed(self, asked: Challenge, scopes: Scopes) -> Answer:
        """Change the credential for a token."""
        request = tokens.request(asked, scopes, self._held)
        request = msgspec.structs.replace(request, url=self._lead(request.url))
        if self._held is not None and (why := self._shown_to(str(origin.of(request.url)))):
            raise Refused(why)
        return self._ask(request)
