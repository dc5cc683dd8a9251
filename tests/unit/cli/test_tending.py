"""A NATS that cannot write: when `shale up` starts it again, when it does not, and what it says."""

import asyncio
from contextlib import asynccontextmanager
from itertools import count
from types import SimpleNamespace

import pytest

from shale.cli.local import tending
from shale.cli.local.server import HOST, any_port
from shale.cli.local.tending import STARTS, SURE, Tender, ailment

FULL = "JetStream stream '$G > SHALE_NOW' write error: no space left on device"


class Nats:
    """A kept server of which only its new starts are counted."""

    def __init__(self):
        self.program = SimpleNamespace(log="nats-server.log")
        self.renewed = 0

    async def renew(self):
        self.renewed += 1


async def looks(folder, whys, *, room=0):
    """Return how often the server is started again, and what is said, when its health is looked at so."""
    nats, said = Nats(), []
    tender = Tender(nats, folder, said.append, room)  # pyright: ignore[reportArgumentType]
    for why in whys:
        await tender.weigh(why)
    return nats.renewed, said


AGAIN = f"nats-server cannot work: {FULL}; it is started again"
WORKS = "nats-server works again"


@pytest.mark.parametrize(
    ("whys", "renewed", "said"),
    [
        pytest.param([""] * 5, 0, [], id="a healthy one is left alone"),
        pytest.param([FULL] * (SURE - 1), 0, [], id="one look is not enough"),
        pytest.param([FULL, "", FULL, ""], 0, [], id="nor are two with health between them"),
        pytest.param([FULL] * SURE, 1, [AGAIN], id="what stays is started again"),
        pytest.param([*[FULL] * SURE, "", ""], 1, [AGAIN, WORKS], id="that it works again is said once"),
        pytest.param([*[FULL] * 3 * SURE], 3, [AGAIN], id="what is said stays unsaid while it is the same"),
        pytest.param([*[*[FULL] * SURE, ""] * 2], 2, [AGAIN, WORKS] * 2, id="a second time is as the first"),
    ],
)
async def test_with_room(tmp_path, whys, renewed, said):
    assert await looks(tmp_path, whys) == (renewed, said)


async def test_without_room_it_is_not_started_and_the_cure_is_said_once(tmp_path, monkeypatch):
    free = count()
    monkeypatch.setattr(tending, "_free", lambda _: next(free))  # others write and delete there, too
    renewed, said = await looks(tmp_path, [FULL] * 20, room=1 << 62)
    assert renewed == 0
    (one,) = said
    assert "no space left" in one
    assert f"free in {tmp_path}: free more" in one


async def test_who_does_not_get_well_is_started_so_often_and_then_left_with_a_word(tmp_path):
    renewed, said = await looks(tmp_path, [FULL] * (STARTS + 10) * SURE)
    assert renewed == STARTS
    assert said[-1].startswith(f"nats-server was started {STARTS} times and cannot work: {FULL}")
    assert len(said) == 2


@asynccontextmanager
async def answering(answer):
    """Serve one answer to whoever asks; yield the port."""

    async def serve(reader, writer):
        await reader.readline()
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]


def http(status, body):
    return f"HTTP/1.0 {status}\r\nContent-Type: application/json\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(http("200 OK", '{"status":"ok"}'), "", id="well"),
        pytest.param(http("503 x", '{"status":"unavailable","error":"full"}'), "full", id="ill, and why"),
        pytest.param(http("503 x", '{"status":"unavailable"}'), "unavailable", id="ill"),
        pytest.param(http("200 OK", "no json"), "", id="somebody else"),
        pytest.param(b"", "", id="silent"),
    ],
)
async def test_an_ailment_is_what_the_server_says_of_itself(answer, expected):
    async with answering(answer) as port:
        assert await ailment(port) == expected


async def test_who_does_not_answer_has_no_ailment():
    assert await ailment(any_port()) == ""
