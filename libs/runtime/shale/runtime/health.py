"""`/live`, `/ready` and `/metrics` over plain HTTP; that it answers at all says that the event loop turns."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from shale.contracts.errors import Transient
from shale.runtime.telemetry import exposition

LINE = 5.0
"""Seconds in which a client must have sent its request."""


@asynccontextmanager
async def served(port: int, ready: Callable[[], str], host: str = "127.0.0.1") -> AsyncGenerator[int]:
    """Serve on one address of this host; yield the port.

    `ready` returns why this process is not ready, or an empty string. Port 0 means any free one, -1 none.
    Raises Transient when the address is not to be had.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await asyncio.wait_for(reader.readline(), LINE)
            writer.write(_response(request, ready))
            await writer.drain()
        except (TimeoutError, OSError, ValueError):
            pass  # a client that hangs or went away has no use for an answer
        finally:
            writer.close()

    if port < 0:
        yield port
        return
    try:
        server = await asyncio.start_server(answer, host, port, limit=8192)
    except OSError as error:
        cure = "set SHALE_HEALTH_HOST, SHALE_HEALTH_PORT"
        raise Transient(f"{host} port {port} is not to be had for health ({error.strerror}): {cure}") from error
    async with server:
        yield server.sockets[0].getsockname()[1]


def _response(request: bytes, ready: Callable[[], str]) -> bytes:
    match request.split()[:2]:
        case [b"GET", b"/live"]:
            return _http("200 OK", b"ok\n")
        case [b"GET", b"/ready"]:
            why = ready()
            return _http("503 Service Unavailable", why.encode() + b"\n") if why else _http("200 OK", b"ok\n")
        case [b"GET", b"/metrics"]:
            return _http("200 OK", exposition(), "text/plain; version=0.0.4")
        case _:
            return _http("404 Not Found", b"try /live, /ready or /metrics\n")


def _http(status: str, body: bytes, kind: str = "text/plain") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
