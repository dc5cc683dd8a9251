"""A proxy on the loopback that lets everybody through to one server, whatever name was asked for (CONNECT)."""

import select
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Self

_LOOK = 0.1
_BLOCK = 2**16


class Tunnel:
    """Serves while it is entered. `asked`: the `host:port` of each tunnel; `logins`: what it was shown for them."""

    def __init__(self, to: str) -> None:
        self.asked: list[str] = []
        self.logins: list[str | None] = []
        host, _, port = to.partition(":")
        self._to, self._stopped = (host, int(port)), Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        tunnel = self

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                tunnel.asked.append(self.path)
                tunnel.logins.append(self.headers.get("Proxy-Authorization"))
                with socket.create_connection(tunnel._to) as there, suppress(OSError):
                    self.send_response(200)
                    self.end_headers()
                    tunnel._relay(self.connection, there)
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name it has there)
                pass

        return Handler

    def _relay(self, one: socket.socket, other: socket.socket) -> None:
        while not self._stopped.is_set():
            ready, _, _ = select.select([one, other], [], [], _LOOK)
            for source in ready:
                data = source.recv(_BLOCK)
                if not data:
                    return
                (other if source is one else one).sendall(data)
