"""Health over real HTTP on the loopback."""

import asyncio

import pytest

from shale.contracts.errors import Transient
from shale.runtime.health import served


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    await writer.wait_closed()
    return answer


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("request_", "why", "status", "body"),
    [
        pytest.param(get("/live"), "", b"200 OK", b"ok", id="a process whose loop turns is live"),
        pytest.param(get("/live"), "NATS is not connected", b"200 OK", b"ok", id="a process that is not ready is live"),
        pytest.param(get("/ready"), "", b"200 OK", b"ok", id="a process with nothing against it is ready"),
        pytest.param(
            get("/ready"), "NATS is not connected", b"503 Service Unavailable", b"NATS is", id="not ready says why"
        ),
        pytest.param(get("/metrics"), "", b"200 OK", b"# HELP", id="metrics are in the text format"),
        pytest.param(get("/else"), "", b"404 Not Found", b"try /live", id="another path is told which there are"),
        pytest.param(b"POST /live HTTP/1.1\r\n\r\n", "", b"404 Not Found", b"try", id="nothing is posted"),
        pytest.param(b"\r\n", "", b"404 Not Found", b"try", id="an empty request is answered"),
    ],
)
async def test_health(request_, why, status, body):
    async with served(0, lambda: why) as port:
        head, _, said = (await ask(port, request_)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert said.startswith(body)
    assert b"Content-Length: %d" % len(said) in head


async def test_a_client_that_says_too_much_is_hung_up_on_and_the_next_is_served():
    async with served(0, lambda: "") as port:
        assert await ask(port, b"GET /" + b"x" * 100_000) == b""
        assert b"200 OK" in await ask(port, get("/live"))


async def test_a_client_that_goes_away_harms_nobody():
    async with served(0, lambda: "") as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        assert b"200 OK" in await ask(port, get("/live"))


async def test_it_answers_on_the_address_that_it_is_told():
    async with served(0, lambda: "", "127.0.0.2") as port:
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await ask(port, get("/live"))
        reader, writer = await asyncio.open_connection("127.0.0.2", port)
        writer.write(get("/live"))
        assert (await asyncio.wait_for(reader.read(), 60)).startswith(b"HTTP/1.1 200 OK")
        writer.close()
        await writer.wait_closed()


async def test_an_address_that_is_not_this_hosts_is_named():
    with pytest.raises(Transient, match=r"192\.0\.2\.1 port 0 .* SHALE_HEALTH_HOST"):
        async with served(0, lambda: "", "192.0.2.1"):
            pass
