"""A reader as the process that a Pod runs."""

import os
import re
import socket
import sys

import pytest

from shale.oci.tarball import Content
from shale.sources.reader import wire
from shale.sources.reader.source import Reader
from shale.sources.reader.wire import Address
from shale.sources.source import BLOCK, Scan
from shale.testkit.processes import Process
from shale.testkit.soon import soon

PLACE = Address("127.0.0.1", 7077, "claim-1", 1)
BEARER = wire.token(bytes(32), "claim-1", 1)


@pytest.fixture
def start(tmp_path):
    """Return what starts a reader of `volume`; whatever still runs is ended."""
    (tmp_path / "volume").mkdir()
    made = []

    def make(*options, folder="model"):
        told = ("--uri", PLACE.uri, "--volume", f"{tmp_path}/volume", "--folder", folder, "--host", "127.0.0.1")
        secret = ("--proof", wire.proof(BEARER), "--port", "0", "--last-words", f"{tmp_path}/last-words")
        command = (sys.executable, "-m", "shale.sources.reader", *told, *secret, *options)
        made.append(Process(f"reader#{len(made)}", command, os.environ, tmp_path / f"{len(made)}.log").start())
        return made[-1]

    yield make
    for one in made:
        if one.is_running:
            one.kill()


async def port_of(process):
    await soon(lambda: process.ended is not None or "up at" in process.tail())
    found = re.search(r"up at .*:(\d+)", process.tail())
    assert found, process.tail()
    return int(found[1])


async def source_of(process):
    return Reader(Address("127.0.0.1", await port_of(process), "claim-1", 1), BEARER)


async def test_it_serves_until_it_is_ended_and_then_ends_well(start, tmp_path):
    (tmp_path / "volume" / "model").mkdir()
    (tmp_path / "volume" / "model" / "x").write_bytes(b"12345")
    process = start()
    source = await source_of(process)
    scan = source.scan()
    assert isinstance(scan, Scan)
    (entry,) = scan.entries
    assert b"".join(map(bytes, source.open(Content("x", 5, entry.version)))) == b"12345"
    assert process.stop() == 0


async def test_what_it_is_sending_it_sends_to_the_end(start, tmp_path):
    (tmp_path / "volume" / "model").mkdir()
    size = 64 * BLOCK  # more than two sockets hold
    with (tmp_path / "volume" / "model" / "x").open("wb") as file:
        file.truncate(size)
    process = start("--drain", "60")
    port = await port_of(process)
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(
            f"GET {PLACE.path}/files/x HTTP/1.1\r\nAuthorization: Bearer {BEARER}\r\n"
            f"If-Match: {wire.tag(size, '')}\r\n\r\n".encode()
        )
        came = len(line.recv(1024))
        process.terminate()

        def refuses():
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
            except OSError:
                return True

        await soon(refuses)
        assert process.is_running
        while more := line.recv(1 << 20):
            came += len(more)
            if came >= size:
                break
        assert came >= size
    await soon(lambda: not process.is_running)
    assert process.ended == 0


async def test_nobody_asks_and_it_ends_by_itself(start, tmp_path):
    (tmp_path / "volume" / "model").mkdir()
    process = start("--idle", "0.3")
    await soon(lambda: not process.is_running)
    assert process.ended == 0


async def test_a_folder_that_is_not_there_is_its_last_words(start, tmp_path):
    process = start()
    await soon(lambda: not process.is_running)
    assert process.ended == 3
    words = (tmp_path / "last-words").read_text()
    assert words.startswith(f"SourceNotFound: {PLACE.uri} is not there")


async def test_its_last_words_are_in_its_users(start, tmp_path):
    process = start("--title", "claim weights, subPath model")
    await soon(lambda: not process.is_running)
    words = (tmp_path / "last-words").read_text()
    assert words.startswith("SourceNotFound: claim weights, subPath model is not there")
    assert "reader://" not in words


async def test_a_folder_that_comes_while_it_waits_is_served(start, tmp_path):
    process = start("--patience", "60")
    (tmp_path / "volume" / "model").mkdir()
    assert (await source_of(process)).scan() == Scan((), ())
    assert process.stop() == 0


async def test_it_may_be_ended_while_it_waits(start):
    process = start("--patience", "600", "--last-words", "/nowhere/words")
    assert process.stop() in {3, -15}


async def test_a_uri_that_is_none_is_a_mistake_of_the_callers(start):
    process = start("--uri", "http://x")
    await soon(lambda: not process.is_running)
    assert process.ended == 2
