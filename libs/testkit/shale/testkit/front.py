"""A server on the loopback that stands before another one and makes trouble as told, or plays a server by itself."""

import http.client
import re
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Self

import msgspec

from shale.testkit.certificates import Certificate

Trouble = Callable[["Exchange"], None]
"""What is done with one request in the place of passing it on."""

_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "content-length", "date", "server"})
_SECONDS = 30.0


class Reply(msgspec.Struct, frozen=True):
    """What the server behind answered."""

    status: int
    headers: dict[str, str]
    data: bytes


class Exchange:
    """One request, read whole, and the ways to end it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: bytes, behind: str, stopped: Event) -> None:
        self.method, self.path, self.body = handler.command, handler.path, body
        self.headers: Mapping[str, str] = dict(handler.headers.items())
        self._handler, self._behind, self.stopped = handler, behind, stopped

    @property
    def whole(self) -> bool:
        """Say whether all of the body came that was promised."""
        return len(self.body) >= int(self.headers.get("Content-Length") or 0)

    def forward(self, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Reply:
        """Send the request on, with other headers or another body, and return the answer."""
        connection = http.client.HTTPConnection(self._behind, timeout=_SECONDS)
        sent = self.body if body is None else body
        kept = {name: value for name, value in (headers or self.headers).items() if name.lower() not in _HOP}
        try:
            connection.request(self.method, self.path, sent, kept | {"Content-Length": str(len(sent))})
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def send_only(self, size: int) -> None:
        """Send the request on with a part of its body, and break off there, as who loses its connection."""
        host, _, port = self._behind.partition(":")
        head = f"{self.method} {self.path} HTTP/1.1\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in self.headers.items() if name.lower() not in _HOP)
        head += f"Content-Length: {self.headers.get('Content-Length', len(self.body))}\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=_SECONDS) as there:
            there.sendall(head.encode() + self.body[:size])
            there.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                there.recv(1)  # until it has seen the end

    def reply(self, status: int, headers: Mapping[str, str] | None = None, data: bytes = b"", *, cut: int = -1) -> None:
        """Answer; with `cut` break off after so many bytes of the body."""
        handler = self._handler
        handler.send_response(status)
        for name, value in (headers or {}).items():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        length = next((value for name, value in (headers or {}).items() if name.lower() == "content-length"), "")
        handler.send_header("Content-Length", length if self.method == "HEAD" and length else str(len(data)))
        handler.end_headers()
        if self.method != "HEAD":
            handler.wfile.write(data if cut < 0 else data[:cut])
        if cut >= 0:
            handler.close_connection = True

    def drip(self, said: bytes, then: bytes, every: float = 0.05) -> None:
        """Say this at once, and then a little again and again, until the other side has gone."""
        self._handler.close_connection = True
        self._handler.wfile.write(said)
        while not self.stopped.wait(every):
            self._handler.wfile.write(then)

    def hang_up(self) -> None:
        """Break the connection off at once (RST)."""
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.close_connection = True
        self._handler.connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say what a handler broke with, but not that a client went away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]


class Front:
    """A threaded server. Rules are looked at in their order; the first that fits a request decides, else `default`."""

    def __init__(self, behind: str = "", certificate: Certificate | None = None) -> None:
        """With a certificate it speaks TLS."""
        self.behind = behind
        self.seen: list[Exchange] = []
        self.default: Trouble = pass_on
        self._rules: list[tuple[re.Pattern[str], Trouble, list[int]]] = []
        self._lock, self._stopped = Lock(), Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def on(self, pattern: str, trouble: Trouble, times: int = 1) -> None:
        """Make trouble for the next `times` requests whose `METHOD path` the pattern finds."""
        with self._lock:
            self._rules.append((re.compile(pattern), trouble, [times]))

    def calm(self) -> None:
        """Forget all rules and all that was seen."""
        with self._lock:
            self._rules.clear()
            self.seen.clear()

    def count(self, pattern: str) -> int:
        """Return how many requests came whose `METHOD path` the pattern finds."""
        return sum(bool(re.search(pattern, f"{one.method} {one.path}")) for one in self.seen)

    def _choose(self, exchange: Exchange) -> Trouble:
        with self._lock:
            self.seen.append(exchange)
            for pattern, trouble, left in self._rules:
                if left[0] and pattern.search(f"{exchange.method} {exchange.path}"):
                    left[0] -= 1
                    return trouble
        return self.default

    def _cut(self, exchange: Exchange) -> Trouble:
        with self._lock:
            self.seen.append(exchange)
        return lose_body(len(exchange.body)) if self.behind else drop

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = _SECONDS

            def do_GET(self) -> None:
                exchange = Exchange(self, _body(self), front.behind, front._stopped)
                with suppress(OSError, ValueError):  # whoever asked may be gone, or was hung up on
                    (front._choose if exchange.whole else front._cut)(exchange)(exchange)

            do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 (the names are http.server's)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    held = b""
    while size := int(handler.rfile.readline(), 16):
        held += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return held


def pass_on(exchange: Exchange) -> None:
    """Make no trouble."""
    reply = exchange.forward()
    exchange.reply(reply.status, reply.headers, reply.data)


def answer(status: int, headers: Mapping[str, str] | None = None, data: bytes = b"") -> Trouble:
    """Answer in the place of the server behind."""
    return lambda exchange: exchange.reply(status, headers, data)


def drop(exchange: Exchange) -> None:
    """Break off before anything was passed on."""
    exchange.hang_up()


def lose_answer(exchange: Exchange) -> None:
    """Pass on, and break off before the answer: nobody here knows what was done."""
    exchange.forward()
    exchange.hang_up()


def lose_body(size: int) -> Trouble:
    """Pass on so much of the body, and break off."""

    def trouble(exchange: Exchange) -> None:
        exchange.send_only(size)
        exchange.hang_up()

    return trouble


def truncate(size: int) -> Trouble:
    """Pass on, and break the answer off after so many bytes of its body."""

    def trouble(exchange: Exchange) -> None:
        reply = exchange.forward()
        exchange.reply(reply.status, reply.headers, reply.data, cut=size)

    return trouble


def delay(seconds: float) -> Trouble:
    """Pass on late."""

    def trouble(exchange: Exchange) -> None:
        exchange.stopped.wait(seconds)
        pass_on(exchange)

    return trouble


def hang(exchange: Exchange) -> None:
    """Never answer."""
    exchange.stopped.wait(_SECONDS)
    exchange.hang_up()


def drip_body(exchange: Exchange) -> None:
    """Answer with a body that comes a byte at a time, of a blob that is there or of something large."""
    size = len(exchange.forward().data) or 2**24
    exchange.drip(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, b"x")


def drip_head(exchange: Exchange) -> None:
    """Answer with a head that never ends."""
    exchange.drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n")


def edit(change: Callable[[Reply], Reply]) -> Trouble:
    """Pass on, and change the answer."""

    def trouble(exchange: Exchange) -> None:
        reply = change(exchange.forward())
        exchange.reply(reply.status, reply.headers, reply.data)

    return trouble


def with_headers(headers: Mapping[str, str], without: str = "") -> Trouble:
    """Pass on, and answer with headers added, and those left out whose names `without` matches."""

    def change(reply: Reply) -> Reply:
        kept = {name: value for name, value in reply.headers.items() if not re.fullmatch(without, name, re.IGNORECASE)}
        return Reply(reply.status, kept | dict(headers), reply.data)

    return edit(change)


def ignore_range(exchange: Exchange) -> None:
    """Answer the whole blob where a part of it was asked for."""
    headers = {name: value for name, value in exchange.headers.items() if name.lower() != "range"}
    reply = exchange.forward(headers)
    exchange.reply(reply.status, reply.headers, reply.data)
