"""An HTTP server of a test's own on 127.0.0.1: a function from request to reply, and what it was asked."""

import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import msgspec

END_WITHIN = 60.0


class Request(msgspec.Struct, frozen=True):
    """What was asked; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Reply(msgspec.Struct, frozen=True):
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


def reply(tree: Any, status: int = 200, **headers: str) -> Reply:  # noqa: ANN401 (any JSON value)
    """Return plain data as JSON; `retry_after` is the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, msgspec.json.encode(tree), {"content-type": "application/json", **named})


class Loopback:
    """Serves while it is entered; `asked` are the requests so far.

    With a certificate (PEM, its key within) it speaks TLS.
    """

    def __init__(self, answer: Callable[[Request], Reply], certificate: Path | None = None) -> None:
        self.answer, self.asked = answer, list[Request]()
        self._scheme = "https" if certificate else "http"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(), bind_and_activate=True)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def last(self) -> Request:
        """The request that came last."""
        return self.asked[-1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(END_WITHIN)
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = END_WITHIN

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                loopback.asked.append(request)
                found = loopback.answer(request)
                self.send_response(found.status)
                for name, value in {**found.headers, "content-length": str(len(found.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(found.body)

            do_GET = do_POST = _serve  # noqa: N815 (the names they have there)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name it has there)
                """Say nothing: `asked` tells it."""

        return Handler
