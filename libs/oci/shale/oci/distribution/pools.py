"""Pooled connections of urllib3: verified TLS, proxies, keep-alives, and heads that must come whole in time."""

import http.client
import socket
import ssl
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from select import POLLIN, POLLOUT, poll
from threading import Event, Thread
from time import monotonic
from typing import Any, TypedDict, cast
from urllib.parse import unquote

import msgspec
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers, parse_url

_LOOK = 0.5  # seconds after which a stop is heard
_KEPT = 8  # connections kept per host: the threads of one worker are four


class _Socket(ssl.SSLSocket):
    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Close what its peer has reset: before the handshake ssl (CPython 3.11) forgets to."""
        try:
            return super().recv(buflen, flags)
        except ConnectionResetError:
            self.close()
            raise


class Trust(msgspec.Struct, frozen=True):
    """Whom we believe: the system's authorities, or those of `ca` (PEM) instead; with `insecure` anyone."""

    insecure: bool = False
    ca: str = ""

    def context(self) -> ssl.SSLContext:
        """Return it as TLS wants it. ValueError when `ca` holds no certificate."""
        if self.ca and "-----BEGIN CERTIFICATE-----" not in self.ca:
            raise ValueError("the CA holds no certificate: put PEM, `-----BEGIN CERTIFICATE-----`, into its Secret")
        context = ssl.create_default_context(cadata=self.ca or None)
        context.sslsocket_class = _Socket
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


def unheeded() -> None:
    """Go on: nobody can stop it."""


class OwnError(Exception):
    """What our own side raised in the midst of a request, past those who take errors for the network's."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._held = [error]

    def taken(self) -> Exception:
        """Return the error, once: held, it would hold its own frames, and with them connections."""
        return self._held.pop()


def _ask(heed: Callable[[], None]) -> None:
    try:
        heed()
    except Exception as error:  # noqa: BLE001 (it is raised where the request was made)
        raise OwnError(error) from None


class Sending(msgspec.Struct, frozen=True):
    """A body, of which `least` bytes are sent within a connection's time-out.

    `heed` is asked twice a second while nothing moves.
    """

    body: Iterable[memoryview]
    least: int
    heed: Callable[[], None]

    def __iter__(self) -> Iterator[memoryview]:
        try:
            yield from self.body
        except Exception as error:  # noqa: BLE001 (it is raised where the request was made)
            raise OwnError(error) from None


@contextmanager
def _whole_within(sock: Any, seconds: float, heed: Callable[[], None]) -> Generator[None]:  # noqa: ANN401 (urllib3 knows no better)
    """Cut a connection that has not brought an answer's head within its time, however lively it drips."""
    ended, why = Event(), list[Exception]()

    def watch() -> None:
        until = monotonic() + seconds
        try:
            while (left := until - monotonic()) > 0:
                if ended.wait(left if heed is unheeded else min(left, _LOOK)):
                    return
                _ask(heed)
            why.append(TimeoutError())
        except OwnError as own:
            why.append(own)
        with suppress(OSError):  # it is gone already
            socket.socket.shutdown(getattr(sock, "socket", sock), socket.SHUT_RDWR)

    watcher = Thread(target=watch, daemon=True, name="shale-answer")
    watcher.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not why:
            raise
    finally:
        ended.set()
    if why:  # http.client takes the end of a connection for the end of a head
        raise why.pop()


class _Connection(HTTPConnection):
    """A connection that stops sending when it is answered, and hears of a stop while it waits."""

    heed = staticmethod(unheeded)
    least = 1
    answered = False
    ends = False

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,  # noqa: ANN401
        headers: Mapping[str, str] | None = None,
        **settings: Any,  # noqa: ANN401
    ) -> None:
        self.answered = False
        self.heed, self.least = (body.heed, body.least) if isinstance(body, Sending) else (unheeded, 1)
        self.ends = headers is not None and headers.get("Connection") == "close"
        super().request(method, url, cast("Any", body), headers, **settings)

    def send(self, data: Any) -> None:  # noqa: ANN401
        """Send a head, or a block of a `Sending`."""
        if isinstance(data, memoryview):
            self._pour(cast("memoryview", data))
        else:
            super().send(data)

    def _pour(self, block: memoryview) -> None:
        """Send a block, or no more of it when an answer is there: who is refused need not send gigabytes.

        It is given whole to the kernel: in quarters, sending cost half as much CPU again.
        """
        events, due = poll(), len(block)
        events.register(self.sock, POLLIN | POLLOUT)
        until = monotonic() + (self.timeout or 0.0)
        while block:
            if due - len(block) >= self.least:
                until, due = monotonic() + (self.timeout or 0.0), len(block)
            left = until - monotonic()
            if left < 0:
                raise TimeoutError
            met = events.poll(1000 * (left if self.heed is unheeded else min(left, _LOOK)))
            self.answered = any(event & ~POLLOUT for _, event in met)
            if self.answered:
                raise BrokenPipeError  # which urllib3 takes for a reason to read what is there
            if met:
                block = block[self.sock.send(block) :]
            else:
                _ask(self.heed)

    def getresponse(self) -> urllib3.HTTPResponse:
        response = self._awaited()
        if (self.answered or self.ends) and self.sock is not None:  # nobody else may send behind half a body
            self.sock.close()
            self.sock = None
        return response

    def _awaited(self) -> urllib3.HTTPResponse:
        with _whole_within(self.sock, self.timeout or 0.0, self.heed):
            return super().getresponse()  # held by nobody when it comes too late


class _TlsConnection(_Connection, HTTPSConnection):
    def _pour(self, block: memoryview) -> None:
        """Send a block: what can be read may be TLS's own, and who answers early ends the connection."""
        try:
            for at in range(0, len(block), self.least):  # each within the connection's time-out
                self.sock.sendall(block[at : at + self.least])
        except TimeoutError as error:  # they read no more: perhaps for they have answered, which is read then
            self.answered = self._is_readable()
            if not self.answered:
                raise
            raise BrokenPipeError from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise BrokenPipeError from error

    def _is_readable(self) -> bool:
        events = poll()
        events.register(self.sock, POLLIN)
        return bool(events.poll(0))


class _Plain(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection  # pyright: ignore[reportAssignmentType] (urllib3 ignores it as well)


class _Tls(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection  # pyright: ignore[reportAssignmentType]
