"""One request over the wire and its answer: pooled connections, verified TLS, proxies, time-outs.

No retry, no redirect. The only module that knows urllib3.
"""

import logging
import socket
import ssl
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TypedDict
from urllib.parse import unquote
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
from urllib3.util import make_headers, parse_url

from shale.oci.distribution import origin
from shale.oci.distribution.patience import Patience
from shale.oci.registry import BLOCK

PIECE = 2**18
"""What one `send` may take as long as a connection may take: so a body is slow only below 26 KB/s."""

_POOL = 8  # connections kept per host: the threads of one worker are four
_AGENT = "shale/0.1"

# urllib3 writes every URL at DEBUG, and a URL may open an upload or a signed download to its reader.
urllib3.disable_warnings(InsecureRequestWarning)  # whoever is not verified was named insecure by its object
logging.getLogger("urllib3.connectionpool").addFilter(lambda record: record.levelno > logging.DEBUG)


class Lost(Exception):  # noqa: N818 (it never leaves this package)
    """A try came to nothing in a way that passes: the connection broke (nobody knows what was done), or they are busy.

    `busy`: they answered, and did nothing. `after`: the seconds that they asked us to wait.
    """

    def __init__(self, message: str, after: float | None = None, *, busy: bool = False) -> None:
        super().__init__(message)
        self.after, self.busy = after, busy


class UntrustedError(Exception):
    """The other side could not prove with TLS that it is who we asked for."""


class Trust(msgspec.Struct, frozen=True):
    """Whom we believe: the system's authorities, or those of `ca` (PEM) instead; with `insecure` anyone."""

    insecure: bool = False
    ca: str = ""

    def context(self) -> ssl.SSLContext:
        """Return it as TLS wants it. ValueError when `ca` holds no certificate."""
        if self.ca and "-----BEGIN CERTIFICATE-----" not in self.ca:
            raise ValueError("the CA holds no certificate: put PEM, `-----BEGIN CERTIFICATE-----`, into its Secret")
        context = ssl.create_default_context(cadata=self.ca or None)
        if self.insecure:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


class Request(msgspec.Struct, frozen=True):
    """What is sent. `body` with no `Content-Length` among the headers goes in chunks of HTTP's own."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | Iterable[bytes | memoryview] | None = None
    read: float | None = None
    """How long the answer may take, in seconds, where it is not as long as all others."""


class Response:
    """An answer whose body is still on its way; close it, or read it to its end: then its connection is used again."""

    def __init__(self, raw: urllib3.BaseHTTPResponse, url: str) -> None:
        self._raw, self.url = raw, url
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers

    @property
    def length(self) -> int | None:
        """How many bytes the body has, where that is said."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() else None

    def blocks(self) -> Generator[bytes]:
        """Yield the body as it comes, in blocks of at most `BLOCK`. Raises Lost when it ends too soon."""
        with _foreign(self.url):
            while block := self._raw.read1(BLOCK, decode_content=False):
                yield block
            self._raw.release_conn()

    def close(self) -> None:
        """Be done with it."""
        self._raw.close()


class _Settings(TypedDict):
    ssl_context: ssl.SSLContext
    socket_options: list[tuple[int, int, int]]
    maxsize: int


class Transport:
    """The pools of one registry's connections: what a proxy or a redirect leads to included."""

    def __init__(self, trust: Trust, patience: Patience) -> None:
        self._patience = patience
        # 25 s until a peer that is half gone is noticed, also while it is only listened to.
        options = [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
        ]
        settings = _Settings(ssl_context=trust.context(), socket_options=options, maxsize=_POOL)
        self._proxies = getproxies()
        self._pools: dict[str, urllib3.PoolManager] = {"": urllib3.PoolManager(_POOL, **settings)}
        for url in set(self._proxies.values()):
            self._pools[url] = _proxy(url, settings)

    def send(self, request: Request) -> Response:
        """Send one request and return the answer's head. Raises Lost and UntrustedError."""
        chunked = request.body is not None and "Content-Length" not in request.headers
        read = request.read or self._patience.read
        with _foreign(request.url):
            raw = self._pools[self._proxy_of(request.url)].urlopen(
                request.method,
                request.url,
                body=request.body,
                headers={"User-Agent": _AGENT, "Accept-Encoding": "identity", **request.headers},
                timeout=urllib3.Timeout(connect=self._patience.connect, read=read),
                chunked=chunked,
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        return Response(raw, request.url)

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.clear()

    def _proxy_of(self, url: str) -> str:
        there = origin.of(url)
        if origin.loopback(there.host) or proxy_bypass(f"{there.host}:{there.port}", self._proxies):
            return ""
        return self._proxies.get(there.scheme) or self._proxies.get("all", "")


def _proxy(url: str, settings: _Settings) -> urllib3.ProxyManager:
    """Return the pools behind a proxy; what stands before its `@` is its own login."""
    auth = unquote(parse_url(url).auth or "")
    headers = make_headers(proxy_basic_auth=auth) if auth else None
    return urllib3.ProxyManager(url, _POOL, proxy_headers=headers, **settings)


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
        raise Lost(f"{where} does not answer in time") from error
    except ProxyError as error:
        raise Lost(f"the proxy before {where} does not let us through") from error
    except ProtocolError as error:
        raise Lost(f"{where} broke the connection off") from error
    except HTTPError as error:
        raise Lost(f"{where}: {type(error).__name__}") from error


def _reason(error: NewConnectionError) -> str:
    cause = error.__cause__
    return (cause.strerror if isinstance(cause, OSError) else None) or "no route or no such name"


def pieces(data: memoryview) -> list[memoryview]:
    """Cut a body so that no single `send` is held for longer than a connection may take; nothing is copied."""
    return [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
