"""Pooled connections of urllib3: verified TLS, proxies, keep-alives, and heads that must come whole in time."""

import http.client
import socket
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from threading import Event, Timer
from typing import Any, TypedDict
from urllib.parse import unquote

import msgspec
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers, parse_url

_KEPT = 8  # connections kept per host: the threads of one worker are four


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


class _Settings(TypedDict):
    ssl_context: ssl.SSLContext
    socket_options: list[tuple[int, int, int]]
    maxsize: int


def make(trust: Trust, proxies: Mapping[str, str]) -> dict[str, urllib3.PoolManager]:
    """Return the pools by the URL of the proxy that they go through; `""` through none."""
    # 25 s until a peer that is half gone is noticed, also while it is only listened to.
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    ]
    settings = _Settings(ssl_context=trust.context(), socket_options=options, maxsize=_KEPT)
    pools = {"": urllib3.PoolManager(_KEPT, **settings)}
    pools |= {url: _proxy(url, settings) for url in set(proxies.values())}
    classes: dict[str, type[urllib3.HTTPConnectionPool]] = {"http": _Plain, "https": _Tls}
    for pool in pools.values():
        pool.pool_classes_by_scheme = classes
    return pools


def login(url: str) -> str:
    """Return the `user:password` in a proxy's URL; nothing where there is none."""
    return unquote(str(parse_url(url).auth or ""))


def _proxy(url: str, settings: _Settings) -> urllib3.ProxyManager:
    """Return the pools behind a proxy; what stands before its `@` is its own login."""
    auth = login(url)
    headers = make_headers(proxy_basic_auth=auth) if auth else None
    return urllib3.ProxyManager(url, _KEPT, proxy_headers=headers, **settings)


@contextmanager
def _whole_within(sock: Any, seconds: float | None) -> Generator[None]:  # noqa: ANN401 (urllib3 knows no better)
    """Cut a connection that has not brought an answer's head within its time, however lively it drips."""
    late = Event()

    def cut() -> None:
        late.set()
        socket.socket.shutdown(getattr(sock, "socket", sock), socket.SHUT_RDWR)

    timer = Timer(seconds or 0.0, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    if late.is_set():  # http.client takes the end of a connection for the end of a head
        raise TimeoutError


class _PlainConnection(HTTPConnection):
    def getresponse(self) -> urllib3.HTTPResponse:
        with _whole_within(self.sock, self.timeout):
            return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> urllib3.HTTPResponse:
        with _whole_within(self.sock, self.timeout):
            return super().getresponse()


class _Plain(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection  # pyright: ignore[reportAssignmentType] (urllib3 ignores it as well)


class _Tls(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection  # pyright: ignore[reportAssignmentType]
