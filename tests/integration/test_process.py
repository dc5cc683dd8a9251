"""`python -m shale.runtime SERVICE` as an operator sees it: its probes, its logs, its end, its complaints."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shale.contracts import streams, subjects
from shale.contracts.envelope import wrap
from shale.runtime.bus.connection import connected
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.installed import services
from shale.testkit.fixtures import provisioned
from shale.testkit.nats import NatsServer, free_port
from shale.testkit.processes import Process, service
from shale.testkit.soon import soon, soon_asked
from shale.testkit.toys import ABOUT, declared

pytestmark = pytest.mark.real_nats

NAME = "storage-provisioner"
SPEAKS = {"at", "level", "log", "what"}
"""What every line of a log holds."""

Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """What starts a service with settings of its own (`nats_url=...`), ended afterwards."""
    started: list[Process] = []

    def make(name: str = NAME, **settings: str) -> Process:
        started.append(a_process(name, tmp_path / f"log-{len(started)}", **settings).start())
        return started[-1]

    yield make
    for process in started:
        if process.is_running:
            process.kill()


@pytest.fixture(scope="module", autouse=True)
def lonely(tmp_path_factory) -> Iterator[Process]:
    """A process without a NATS: it gives up after five seconds, while the other tests of this file run."""
    folder = tmp_path_factory.mktemp("lonely")
    process = a_process(NAME, folder / "log", nats_url=f"nats://user:secret@127.0.0.1:{free_port()}").start()
    yield process
    if process.is_running:
        process.kill()


def a_process(name: str, log: Path, **settings: str) -> Process:
    ours = {f"SHALE_{key.upper()}" if key.islower() else key: value for key, value in settings.items()}
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SHALE_", "OTEL_"))}
    return Process(name, service(name), {**clean, **ours}, log)


async def ended(process: Process, within: float = 60) -> int:
    """Wait for the end; return the exit code."""
    await soon(lambda: not process.is_running, within)
    return process.ended or 0


async def port_of(process: Process) -> int:
    [up] = await soon(lambda: process.says("up"))
    return up["health_port"]


async def ask(port: int, path: str) -> tuple[int, str]:
    """Ask a probe; return its status and what it said."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    return int(head.split()[1]), body


async def becomes(port: int, path: str, status: int, within: float = 60) -> str:
    async def look() -> str | None:
        answer = await ask(port, path)
        return answer[1] if answer[0] == status else None

    return await soon_asked(look, within)


async def counts(port: int, what: str = "settled", label: str = f'service="{NAME}"') -> bool:
    """Whether the metrics say that something was settled, or whatever else."""
    status, metrics = await ask(port, "/metrics")
    assert status == 200
    return any(line.startswith(f"shale_{what}_total{{") and label in line for line in metrics.splitlines())


async def provision(server: NatsServer) -> None:
    async with provisioned(server, *(card for cards in services().values() for card in cards)):
        pass


def not_json(process: Process) -> list[dict[str, Any]]:
    return [record for record in process.records() if not record.keys() >= SPEAKS]


async def test_a_service_is_live_and_ready_counts_and_ends_in_order(own_nats: NatsServer, start: Start):
    await provision(own_nats)
    process = start(nats_url=own_nats.url)
    port = await port_of(process)
    async with connected(own_nats.url, "test", fatal=False) as bus:
        await JetPlane(bus, "test").say(declared())
    await soon_asked(lambda: counts(port))
    assert await ask(port, "/live") == (200, "ok\n")
    assert await ask(port, "/ready") == (200, "ok\n")
    async with connected(own_nats.url, "test", fatal=False) as bus:
        await bus.api(f"CONSUMER.DELETE.{streams.FACTS.name}.{NAME}", {})
        assert await becomes(port, "/ready", 503) == f"not there: {streams.FACTS.name}/{NAME}\n"
    await provision(own_nats)
    await becomes(port, "/ready", 200)
    own_nats.kill()
    assert await becomes(port, "/ready", 503) == "NATS is not connected\n"
    assert await ask(port, "/live") == (200, "ok\n")
    own_nats.start()
    await becomes(port, "/ready", 200)
    process.terminate()
    assert await ended(process) == 0
    assert process.says("down")
    assert not_json(process) == []


async def test_strange_messages_are_counted_and_end_no_process(own_nats: NatsServer, start: Start):
    await provision(own_nats)
    process = start(nats_url=own_nats.url)
    port = await port_of(process)
    deep = b"[" * 100_000 + b"]" * 100_000
    strangers = [msgspec.structs.replace(ABOUT, uid=f"stranger-{number}") for number in range(4)]
    async with connected(own_nats.url, "test", fatal=False) as bus:
        newer = wrap(declared(strangers[0]), "x", 0).replace(b"declared.v1", b"declared.v9")
        await bus.publish(subjects.of_wish(strangers[0]), newer)
        await bus.publish(subjects.of_wish(strangers[1]), deep)
        await bus.publish(subjects.of_wish(strangers[2]), wrap(declared(), "x", 0))
        await bus.publish(subjects.of_tick(NAME, strangers[3]), deep)
        await bus.publish(f"shale.tick.{NAME}.a.b", b'{"uid": "a b"}')
        await soon_asked(lambda: counts(port, "skipped", 'why="unknown type"'))
        await soon_asked(lambda: counts(port, "skipped", 'why="undecodable"'))
        await JetPlane(bus, "test").say(declared())
        await soon_asked(lambda: counts(port))

        async def buried() -> bool:
            dead = await bus.api(f"STREAM.INFO.{streams.DEAD.name}", {})
            return dead["state"]["messages"] == 4

        await soon_asked(buried)
    assert process.is_running


async def test_a_service_ends_in_order_while_nats_is_gone_and_nobody_takes_its_traces(
    own_nats: NatsServer, start: Start
):
    await provision(own_nats)
    watcher = start("watcher", nats_url=own_nats.url, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    packer = start("builder-sync", nats_url=own_nats.url, layout_dir=str(own_nats.store / "registry"))
    for process in (watcher, packer):
        await port_of(process)
    await soon(lambda: watcher.says("leading"))
    own_nats.kill()
    for process in (watcher, packer):
        process.terminate()
    for process in (watcher, packer):
        assert await ended(process) == 0, process.tail()
        assert not_json(process) == []


async def test_wrong_settings_are_a_mistake_of_the_callers_with_one_line_for_each(start: Start):
    process = start(ack_wait="soon", health_port="http", log_level="LOUD")
    assert await ended(process) == 2
    assert process.log.read_text().splitlines() == [
        "SHALE_ACK_WAIT='soon': Expected `float`, got `str`",
        "SHALE_HEALTH_PORT='http': Expected `int`, got `str`",
        "SHALE_LOG_LEVEL='LOUD': Invalid enum value 'LOUD'",
    ]


async def test_a_wrong_setting_of_the_service_itself_is_one_line_too(nats_server: NatsServer, start: Start):
    process = start(nats_url=nats_server.url, roots="nonsense")
    assert await ended(process) == 2
    [complaint] = process.log.read_text().splitlines()
    assert "nonsense" in complaint


async def test_a_health_port_that_is_taken_is_one_line(nats_server: NatsServer, start: Start):
    process = start(nats_url=nats_server.url, health_port=str(nats_server.port))
    assert await ended(process) == 1
    [complaint] = process.log.read_text().splitlines()
    assert complaint.startswith(f"127.0.0.1 port {nats_server.port} is not to be had for health (")
    assert complaint.endswith("): set SHALE_HEALTH_HOST, SHALE_HEALTH_PORT")


async def test_a_service_that_is_not_installed_is_told_which_are(start: Start):
    process = start("baker")
    assert await ended(process) == 2
    [complaint] = process.log.read_text().splitlines()
    assert complaint == f"no service 'baker' is installed here; there are: {', '.join(services())}"


async def test_without_a_service_it_says_how_it_is_called():
    command = (sys.executable, "-m", "shale.runtime")
    done = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(done.communicate(), 60)
    assert (done.returncode, said) == (2, b"usage: python -m shale.runtime SERVICE\n")


async def test_without_nats_it_ends_with_one_line_that_says_where_it_looked_and_no_password(lonely: Process):
    assert await ended(lonely) == 1
    [complaint] = lonely.log.read_text().splitlines()
    assert complaint.startswith("NATS at nats://127.0.0.1:")
    assert complaint.endswith("): start it with `shale up`, or set SHALE_NATS_URL")
