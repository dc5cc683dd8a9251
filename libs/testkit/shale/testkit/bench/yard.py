"""Real builder-sync processes on a real queue: layers are asked of them as image-builder asks, and they are heard.

No other service runs: what is measured is the workers, the queue, the source and the registry.
"""

import asyncio
import itertools
import os
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from shale.contracts import streams
from shale.contracts.about import About
from shale.contracts.artifact import File, Layer
from shale.contracts.envelope import unwrap
from shale.contracts.facts import Declared, LayerPacked, LayerRefused
from shale.contracts.jobs import PackLayer
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.oci import plan
from shale.oci.limits import limits_of
from shale.runtime.bus.connection import Bus, connected
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.provision import provision
from shale.runtime.installed import services
from shale.sources.listing import version
from shale.testkit.bench import lean
from shale.testkit.bench.measure import BenchError
from shale.testkit.nats import NatsServer
from shale.testkit.processes import Process

MOST = 64 << 20
"""Bytes that a stream may hold here."""
SPEC = ModelVersionSpec("bench", "registry.example/bench", Storage(local_storage=LocalStorage("/bench", "node")))
NAME = "builder-sync"
KEY = secrets.token_hex(32)
"""The pool's: readers know its workers by it, and its index is signed with it."""


class _Delivered(Protocol):
    subject: str
    data: bytes


class Yard:
    """One server, and workers that come and go, each as its image has it."""

    def __init__(self, bus: Bus, folder: Path, environ: Mapping[str, str]) -> None:
        self.bus, self._folder = bus, folder
        self._environ = {**environ, **lean.environ(NAME, folder / "lean")}
        self.workers: list[Process] = []
        self._heard: asyncio.Queue[LayerPacked | LayerRefused] = asyncio.Queue()
        self._numbers = itertools.count()

    async def hear(self, message: _Delivered) -> None:
        """Note what a worker said."""
        _, told = unwrap(message.data)
        if isinstance(told, (LayerPacked, LayerRefused)):
            self._heard.put_nowait(told)

    async def has(self, count: int) -> list[Process]:
        """Have so many workers, all of them up and asking for work."""
        running = [one for one in self.workers if one.is_running]
        for one in running[count:]:
            one.stop()
        new = [self.start() for _ in range(count - len(running))]
        for one in new:
            while not one.says("up"):
                if not one.is_running:
                    raise RuntimeError(one.tail())
                await asyncio.sleep(0.05)
        return [one for one in self.workers if one.is_running]

    def start(self) -> Process:
        """Start one more worker."""
        number = next(self._numbers)
        worker = Process(f"{NAME}#{number}", lean.command(NAME), self._environ, self._folder / f"{NAME}-{number}.log")
        self.workers.append(worker)
        return worker.start()

    async def asks(self, uri: str, repo: str, files: Sequence[File]) -> tuple[Layer, ...]:
        """Ask for the layers of one version with these weight files; return them."""
        about = About("modelversion", "bench", "model", f"uid-{secrets.token_hex(4)}", 1)
        planned = plan.plan_layers(files, (), limits_of(""))
        if isinstance(planned, plan.Unplannable):
            raise TypeError(planned.message)
        layers = tuple(one for one in planned if one.files)
        plane = JetPlane(self.bus, "image-builder")
        await plane.say(Declared[Any, Any](about, SPEC, "2026-01-01T00:00:00Z"))
        for layer in layers:
            await plane.ask(PackLayer(about, f"{layer.part}~1", uri, repo, layer))
        return layers

    async def hears(self, count: int, within: float) -> list[LayerPacked]:
        """Wait until so many layers are packed. Raises BenchError when one is refused, TimeoutError."""
        found: list[LayerPacked] = []
        async with asyncio.timeout(within):
            while len(found) < count:
                match await self._heard.get():
                    case LayerRefused(reason=reason, message=message):
                        raise BenchError(f"{reason}: {message}")
                    case packed:
                        found.append(packed)
        return found


@asynccontextmanager
async def yard(folder: Path, environ: Mapping[str, str], ack_wait: float = 30) -> AsyncGenerator[Yard]:
    """Yield a yard without workers, its logs in `folder`; all that it started is ended afterwards."""
    key = folder / "key"
    key.write_text(KEY)
    with NatsServer(folder / "nats") as server:
        env = {
            **os.environ,
            "SHALE_NATS_URL": server.url,
            "SHALE_ACK_WAIT": str(ack_wait),
            "SHALE_DRAIN_SECONDS": "0.2",
            "SHALE_READER_KEY_FILE": str(key),
            **environ,
        }
        async with connected(server.url, "bench", fatal=False) as bus:
            await provision(
                bus, [card for cards in services().values() for card in cards], ack_wait=ack_wait, most=MOST
            )
            made = Yard(bus, folder, env)
            await bus.client.subscribe(streams.FACTS.subjects[0], cb=made.hear)  # pyright: ignore[reportUnknownMemberType]
            await bus.client.flush()
            try:
                yield made
            finally:
                for worker in made.workers:
                    if worker.is_running:
                        worker.kill()


def weight(path: str, folder: Path) -> File:
    """Return a weight file as a scan of a local folder lists it."""
    found = (folder / path).stat()
    return File(path, found.st_size, version=version(found))
