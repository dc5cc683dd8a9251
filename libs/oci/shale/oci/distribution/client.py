"""Requests as the rest of this package wants them: to one registry, authorised, led on by redirects, tried again."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from shale.contracts.errors import Transient
from shale.oci.distribution import origin, pools
from shale.oci.distribution.answer import Answer, whole
from shale.oci.distribution.authority import Authority
from shale.oci.distribution.challenge import Scopes
from shale.oci.distribution.options import Options
from shale.oci.distribution.patience import BUSY, asked
from shale.oci.distribution.refusals import misled, no_registry, untrusted
from shale.oci.distribution.transport import Lost, Request, Response, Transport, UntrustedError
from shale.oci.refusal import Refused

Done = TypeVar("Done")

SMALL = 2**16
"""Bytes of an answer that is nothing but an answer."""

_HOPS = 5
_UNAUTHORIZED = 401
_REFUSED = frozenset({_UNAUTHORIZED, 403})
_SAME_METHOD = frozenset({307, 308})
_READS = frozenset({"GET", "HEAD"})
_REDIRECTS = _SAME_METHOD | {301, 302, 303}


class Client:
    """One registry at its origin. `base` ends without a slash; `host` is the name that people give it."""

    def __init__(self, base: str, host: str, options: Options, transport: Transport) -> None:
        self.base, self.host, self.bounds, self.pause = base, host, options.patience, options.pause
        self.largest = sys.maxsize
        """The bytes of one body that it takes, as far as we know: a 413 teaches us."""
        self._origin = origin.of(base)
        self._transport, self._insecure = transport, options.insecure
        self._authority = Authority(host, options, self._ask, lambda realm: self.lead(base, realm))
        self.mask = self._authority.mask
        self.mask.learn(*transport.secrets)

    def heed(self) -> None:
        """Raise what ends the work, if anything does."""
        self.pause(0.0)

    def call(self, request: Request, scopes: Scopes, limit: int = SMALL) -> Answer:
        """Return the answer to a request that may be sent twice, whatever it is. Raises Transient (Refused too)."""
        return self.tried(lambda: self._heard(request, scopes, limit))

    def tried(self, work: Callable[[], Done]) -> Done:
        """Do what may be done twice until it is not Lost, at most `tries` times. Raises Transient."""
        failed = Lost("it was not tried")
        for delay in (*self.bounds.delays(), None):
            try:
                return work()
            except Lost as lost:
                failed = lost
            if delay is None or (failed.after or 0.0) > self.bounds.longest:
                break
            self.pause(max(delay, failed.after or 0.0))
        raise Transient(str(failed), failed.after) from failed

    def once(self, request: Request, scopes: Scopes) -> Answer:
        """Return the answer to a request that is sent once (but for redirects and refusals). Raises Lost, Refused."""
        return self._heard(request, scopes, SMALL)

    @contextmanager
    def open(self, request: Request, scopes: Scopes) -> Generator[Response]:
        """Hold an answer whose body is still on its way. Raises Lost, Refused."""
        try:
            response = self._authorised(request, scopes)
        except UntrustedError as error:
            raise Refused(untrusted(str(error))) from error
        try:
            yield response
        finally:
            response.close()

    def _heard(self, request: Request, scopes: Scopes, limit: int) -> Answer:
        with self.open(request, scopes) as response:
            answer = whole(response, limit, self.mask)
        return self._free(answer)

    def _free(self, answer: Answer) -> Answer:
        if answer.status in BUSY:
            after = asked(answer.headers.get("Retry-After"))
            raise Lost(f"{self.host} is busy: {answer.reason()}", after, busy=True)
        return answer

    def url(self, path: str) -> str:
        """Return the URL of a path below `/v2/`."""
        return f"{self.base}/v2/{path}"

    def _authorised(self, request: Request, scopes: Scopes) -> Response:
        """Prove who we are, and once more with a credential read anew when that was refused."""
        if not request.leaving:
            self.heed()  # a token may have to be fetched first
        sent = self._authority.header(scopes)
        response = self._followed(request, sent)
        if response.status == _UNAUTHORIZED and self._ours(response.url):
            sent = self._authority.learn(whole(response, SMALL, self.mask), scopes, sent, again=False)
            response = self._followed(request, sent)
        if response.status in _REFUSED and self._ours(response.url):
            sent = self._authority.learn(whole(response, SMALL, self.mask), scopes, sent, again=True)
            response = self._followed(request, sent)
            if response.status in _REFUSED:
                raise Refused(self._authority.refusal(whole(response, SMALL, self.mask)))
        return response

    def _followed(self, request: Request, authorization: str) -> Response:
        """Go where we are led, and show who we are to nobody but the registry itself."""
        for _ in range(_HOPS):
            if not request.leaving:
                self.heed()
            waits = request.read is not None and not request.leaving
            response = self._transport.send(
                self._signed(request, authorization), self.heed if waits else pools.unheeded
            )
            if request.method in _READS:  # the answer to a write is short, and says where an upload stands now
                response.heed = self.heed
            location = response.headers.get("Location", "")
            if response.status not in _REDIRECTS or not location:
                return response
            whole(response, SMALL)
            if request.method not in _READS and response.status not in _SAME_METHOD:
                raise Refused(no_registry(self.host, f"leads a {request.method} elsewhere with {response.status}"))
            request = msgspec.structs.replace(request, url=self.lead(request.url, location))
        raise Refused(no_registry(self.host, f"leads us on more than {_HOPS} times"))

    def lead(self, base: str, location: str) -> str:
        """Return where a `Location`, a link or a realm leads. Raises Refused when we do not follow there.

        Nobody but the registry itself leads to a URL that a login goes to, and nothing goes over plain http but where
        the registry is insecure, or it and we are this machine.
        """
        try:
            url = origin.follow(base, location)
            there = origin.of(url)
        except ValueError:
            raise Refused(misled(self.host, "a URL that is none of http or https")) from None
        if there == self._origin and origin.of(base) != self._origin:
            raise Refused(misled(self.host, f"{origin.of(base)}, and that back to it: a login would follow"))
        plain = there.scheme == "http" and there != self._origin
        if plain and not self._insecure and not (origin.loopback(there.host) and origin.loopback(self._origin.host)):
            raise Refused(misled(self.host, self.mask(f"{there} over plain http: only an insecure registry may")))
        return url

    def _signed(self, request: Request, authorization: str) -> Request:
        if not authorization or not self._ours(request.url):
            return request
        return msgspec.structs.replace(request, headers={**request.headers, "Authorization": authorization})

    def _ours(self, url: str) -> bool:
        return origin.of(url) == self._origin

    def _ask(self, request: Request) -> Answer:
        """Ask a token server, which sees the credential: over TLS, or on this machine."""
        return self._free(whole(self._transport.send(request), SMALL, self.mask))
