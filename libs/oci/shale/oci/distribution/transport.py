"""One request over the wire and its answer: proxies, time-outs, foreign errors in our words.

No retry, no redirect. With `pools` the only module that knows urllib3.
"""

import logging
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from urllib.request import getproxies, proxy_bypass

import msgspec
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from shale.oci.distribution import origin, pools
from shale.oci.distribution.patience import Patience
from shale.oci.distribution.pools import Trust
from shale.oci.distribution.silence import Silences
from shale.oci.registry import BLOCK

PIECE = 2**18
"""What must go out of a body within a connection's time-out: so it is slow only below 26 KB/s. And what must come of
an answer's body while we wait `Patience.read` for it: 8 KB/s."""

_AGENT = "shale/0.1"

# urllib3 writes every URL at DEBUG, and a URL may open an upload or a signed download to its reader.
urllib3.disable_warnings(InsecureRequestWarning)  # whoever is not verified was named insecure by its object
logging.getLogger("urllib3.connectionpool").addFilter(lambda record: record.levelno > logging.DEBUG)


class Lost(Exception):  # noqa: N818 (it never leaves this package)
    """A try came to nothing in a way that passes: the connection broke (nobody knows what was done), or they are busy.

    `busy`: they answered, and did nothing. `silent`: nothing came in time. `after`: the seconds that they asked us to
    wait.
    """

    def __init__(self, message: str, after: float | None = None, *, busy: bool = False, silent: bool = False) -> None:
        super().__init__(message)
        self.after, self.busy, self.silent = after, busy, silent


class UntrustedError(Exception):
    """The other side could not prove with TLS that it is who we asked for."""


class Request(msgspec.Struct, frozen=True):
    """What is sent. A `body` that is no bytes may be read more than once, from its start; its length is told."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | Iterable[memoryview] | None = None
    read: float | None = None
    """How long the answer may take, in seconds, where it is not as long as all others: a stop is heard meanwhile."""
    leaving: bool = False
    """It takes back what is half done: it is sent when the work is stopped, too."""

    def __repr__(self) -> str:
        return f"Request({self.method} {origin.of(self.url)})"  # its headers hold who we are


class Response:
    """An answer whose body is still on its way; close it, or read it to its end: then its connection is used again."""

    def __init__(self, raw: urllib3.BaseHTTPResponse, url: str, longest: float, silences: Silences) -> None:
        self._raw, self.url, self._longest, self._silences = raw, url, longest, silences
        self.heed: Callable[[], None] | None = None
        """Asked before each block of the body: what it raises ends the work."""
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers

    @property
    def length(self) -> int | None:
        """How many bytes the body has, where that is said."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() else None

    def blocks(self) -> Generator[bytes]:
        """Yield the body as it comes, in blocks of at most `BLOCK`. Raises Lost when it ends too soon, or drips."""
        waited, brought = 0.0, 0
        while block := self._next():
            waited, brought = waited + block[0], brought + len(block[1])
            yield block[1]
            if waited > self._longest:
                if brought < PIECE:
                    self._silences.silent(origin.of(self.url))
                    raise Lost(f"{origin.of(self.url)} drips: {brought} bytes in {waited:.0f} s", silent=True)
                waited, brought = 0.0, 0
        self._raw.release_conn()

    def _next(self) -> tuple[float, bytes] | None:
        """Return the next block, and how long it was waited for."""
        if self.heed:
            self.heed()
        began = time.monotonic()
        with _heard(self.url, self._silences):
            block = self._raw.read1(BLOCK, decode_content=False)
        return (time.monotonic() - began, block) if block else None

    def close(self) -> None:
        """Be done with it."""
        self._raw.close()


class Transport:
    """The pools of one registry's connections: what a proxy or a redirect leads to included."""

    def __init__(self, trust: Trust, patience: Patience) -> None:
        self._patience = patience
        self._silences = Silences(patience.silence, patience.read, time.monotonic)
        self._proxies = getproxies()
        self._pools = pools.make(trust, self._proxies)
        self.secrets = tuple(pools.login(url) for url in self._proxies.values())
        """The logins to proxies, which proxies may repeat."""

    def send(self, request: Request, heed: Callable[[], None] = pools.unheeded) -> Response:
        """Send one request and return the answer's head. Raises Lost and UntrustedError, Transient for the silent.

        What its body raises comes through, and what `heed` raises while the answer is waited for.
        """
        read = request.read or self._patience.read
        self._silences.enter(origin.of(request.url))
        with _ours(), _heard(request.url, self._silences):
            raw = self._pools[self._proxy_of(request.url)].urlopen(
                request.method,
                request.url,
                body=_sending(request, heed),
                headers={"User-Agent": _AGENT, "Accept-Encoding": "identity", **request.headers},
                timeout=urllib3.Timeout(connect=self._patience.connect, read=read),
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        return Response(raw, request.url, self._patience.read, self._silences)

    def heed(self, host: str, *, plain: bool) -> None:
        """Raise Transient when a host is left alone for its silence, `plain`: over http as well."""
        schemes = ("https", "http") if plain or origin.loopback(host) else ("https",)
        self._silences.heed(*(origin.of(f"{scheme}://{host}") for scheme in schemes))

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.clear()

    def _proxy_of(self, url: str) -> str:
        there = origin.of(url)
        if origin.loopback(there.host) or proxy_bypass(f"{there.host}:{there.port}", self._proxies):
            return ""
        return self._proxies.get(there.scheme) or self._proxies.get("all", "")


def _sending(request: Request, heed: Callable[[], None]) -> bytes | pools.Sending | None:
    if request.body is None or isinstance(request.body, bytes):
        return request.body
    return pools.Sending(request.body, PIECE, heed)


@contextmanager
def _ours() -> Generator[None]:
    """Give back what our own side raised in the midst of a request: urllib3 would take some of it for the network's."""
    try:
        yield
    except pools.OwnError as own:
        raise own.taken() from None


@contextmanager
def _heard(url: str, silences: Silences) -> Generator[None]:
    """Note who answers and who does not. Raises as `_foreign` does."""
    try:
        with _foreign(url):
            yield
    except Lost as lost:
        (silences.silent if lost.silent else silences.answered)(origin.of(url))
        raise
    silences.answered(origin.of(url))


@contextmanager
def _foreign(url: str) -> Generator[None]:
    """Tell urllib3's errors in our words, which hold no more of the URL than may be told."""
    where = str(origin.of(url))
    try:
        yield
    except SSLError as error:
        if isinstance(error.args[0], ssl.SSLCertVerificationError):
            raise UntrustedError(
                f"{where} shows a certificate that is not trusted: {error.args[0].verify_message}"
            ) from error
        raise Lost(f"{where} does not speak TLS as we do") from error
    except NewConnectionError as error:
        raise Lost(f"{where} cannot be reached: {_reason(error)}") from error
    except (ConnectTimeoutError, ReadTimeoutError) as error:
        raise Lost(f"{where} does not answer in time", silent=True) from error
    except ProxyError as error:
        raise Lost(f"the proxy before {where} does not let us through") from error
    except ProtocolError as error:
        raise Lost(f"{where} broke the connection off") from error
    except HTTPError as error:
        raise Lost(f"{where}: {type(error).__name__}") from error


def _reason(error: NewConnectionError) -> str:
    cause = error.__cause__
    return (cause.strerror if isinstance(cause, OSError) else None) or "no route or no such name"
