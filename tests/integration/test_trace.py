"""One object is one trace: what two services export, decoded from OTLP by a collector of the test's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.envelope import trace_of
from shale.contracts.facts import Declared, Held, StorageReady
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.levels import read
from shale.runtime.installed import services
from shale.testkit.processes import Process, service
from shale.testkit.soon import soon, soon_asked
from shale.testkit.toys import ABOUT

pytestmark = pytest.mark.real_nats

Start = Callable[[str], list[Process]]
TWO = ("storage-provisioner", "image-builder")


class Span(NamedTuple):
    """As much of a span as these tests look at; ids in hex."""

    service: str
    name: str
    trace: str
    parent: str
    attributes: dict[str, str | int]


class Collector:
    """Takes traces over OTLP/HTTP on the loopback."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def of(self, about: About) -> list[Span]:
        name = f"{about.namespace}/{about.name}"
        mine = (span for span in self.spans if span.attributes["shale.object"] == name)
        return [span for span in mine if span.attributes["shale.generation"] == about.generation]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(b": ", 1) for line in head.strip().split(b"\r\n")[1:])
                self.take(await reader.readexactly(int(fields[b"content-length"])))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the exporter hung up
        finally:
            writer.close()

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            told = {one.key: one.value.string_value for one in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                attributes = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
                said = Span(told["service.name"], span.name, span.trace_id.hex(), span.parent_span_id.hex(), attributes)
                self.spans.append(said)


@asynccontextmanager
async def collecting() -> AsyncGenerator[tuple[Collector, str]]:
    """Yield a collector and where it is."""
    collector = Collector()
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0, limit=1 << 22)
    async with server:
        yield collector, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def bus_cards():
    return tuple(card for name in TWO for card in services()[name])


@pytest.fixture
def start(tmp_path: Path, nats_server) -> Iterator[Start]:
    """What starts the two services with an exporter that waits for their end, ended afterwards."""
    started: list[Process] = []
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "config.json").write_text("{}")

    def make(endpoint: str) -> list[Process]:
        environ = {
            "OTEL_BSP_SCHEDULE_DELAY": "60000",
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "SHALE_NATS_URL": nats_server.url,
            "SHALE_LAYOUT_DIR": str(tmp_path / "registry"),
            "SHALE_ROOTS": f"/models={tmp_path / 'models'}",
        }
        started.extend(Process(name, service(name), environ, tmp_path / f"{name}.log").start() for name in TWO)
        return started

    yield make
    for process in started:
        if process.is_running:
            process.kill()


async def stopped(processes: list[Process]) -> None:
    """End them in order; the collector goes on taking what they say last."""
    for process in processes:
        process.terminate()
    for process in processes:
        await soon(lambda process=process: not process.is_running)
        assert process.ended == 0, process.tail()


def wish(about: About) -> Declared[Any, Any]:
    storage = Storage(local_storage=LocalStorage("/models/tiny", "here"))
    return Declared(about, ModelVersionSpec("tiny", f"models/{about.name}", storage), "2026-01-01T00:00:00Z")


async def settled(bus: Bus, *objects: About) -> bool:
    """Whether each service has said its word about each object."""
    for about in objects:
        said = {type(one.fact) for one in (await read(bus, streams.FACTS.name, subjects.levels(about))).said}
        if not said >= {StorageReady, Held}:
            return False
    return True


async def test_what_two_services_do_for_one_object_is_one_trace_whose_id_anyone_knows_told_at_their_end_at_last(
    real_plane: JetPlane, start: Start
):
    objects = (ABOUT, msgspec.structs.replace(ABOUT, name="mv-2", uid="uid-2", generation=3))
    async with collecting() as (collector, endpoint):
        processes = start(endpoint)
        for about in objects:
            await real_plane.say(wish(about))
        await soon_asked(lambda: settled(real_plane.bus, *objects))
        await stopped(processes)
    for about in objects:
        spans = collector.of(about)
        assert {span.trace for span in spans} == {trace_of(about.uid, about.generation)}
        assert {span.service for span in spans} == set(TWO)
        assert {span.name for span in spans} == {f"settle {name}" for name in TWO}
        assert {span.attributes["shale.answer"] for span in spans} <= {"Ack", "Nak"}
        assert all(span.parent for span in spans), "each hangs below the object, not below another service's span"
