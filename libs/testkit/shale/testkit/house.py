"""A whole Shale on this machine: a nats-server, and the services as separate processes over folders of their own."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from shale.runtime.bus.connection import Bus, connected
from shale.runtime.bus.provision import provision
from shale.runtime.installed import services
from shale.testkit.nats import NatsServer
from shale.testkit.processes import Process, service

ROAD = ("watcher", "storage-provisioner", "image-builder", "builder-sync")
MOST = 256 << 20
"""Bytes that a stream may hold here: what it asks for is reserved on the disk."""


class House:
    """One server and its services, with short times; it is a context manager, and ends whatever it started.

    `ack_wait`, `lease_ttl` and `drain_seconds` in seconds; `environ` goes to every service.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ack_wait: float = 3,
        lease_ttl: float = 3,
        drain_seconds: float = 0.2,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.ack_wait, self.lease_ttl = folder, ack_wait, lease_ttl
        self.models, self.registry = folder / "models", folder / "registry"
        self.server = NatsServer(folder / "nats")
        self.processes: list[Process] = []
        self.environ = {
            **os.environ,
            "SHALE_NATS_URL": self.server.url,
            "SHALE_LAYOUT_DIR": str(self.registry),
            "SHALE_ROOTS": f"/models={self.models}",
            "SHALE_ACK_WAIT": str(ack_wait),
            "SHALE_LEASE_TTL": str(lease_ttl),
            "SHALE_DRAIN_SECONDS": str(drain_seconds),
            **(environ or {}),
        }

    def __enter__(self) -> Self:
        self.models.mkdir(parents=True)
        self.server.start()
        try:
            asyncio.run(self.provision())
            for name in ROAD:
                self.start(name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End every process, then the server."""
        for process in self.processes:
            if process.is_running:
                process.resume()
                process.terminate()
        try:
            for process in self.processes:
                if process.is_running:
                    process.stop()
        finally:
            for process in self.processes:
                if process.is_running:
                    process.kill()
            self.server.stop()

    def start(self, name: str, command: Sequence[str] | None = None) -> Process:
        """Start one more process of a service; `command` runs in its place (a test's own wrapper of that service)."""
        number = sum(process.name.partition("#")[0] == name for process in self.processes) + 1
        process = Process(
            f"{name}#{number}", command or service(name), self.environ_of(name), self.folder / f"{name}-{number}.log"
        )
        self.processes.append(process)
        return process.start()

    def environ_of(self, name: str) -> Mapping[str, str]:
        """Return the environment of a service's processes."""
        del name
        return self.environ

    def connected(self, name: str) -> AbstractAsyncContextManager[Bus]:
        """Connect as a test, or as `shale init`."""
        return connected(self.server.url, name, fatal=False)

    def running(self, name: str) -> list[Process]:
        """Return the processes of a service that run, in the order of their start."""
        return [one for one in self.processes if one.name.partition("#")[0] == name and one.is_running]

    def the(self, name: str) -> Process:
        """Return the one process of a service that runs. Raises ValueError when there are none or more."""
        (process,) = self.running(name)
        return process

    def reset(self) -> None:
        """Bring the house back to one running process of each service, for the next test."""
        for process in self.processes:
            if process.is_running:
                process.resume()
        for name in ROAD:
            for process in self.running(name)[1:]:
                process.stop()
            if not self.running(name):
                self.start(name)

    def logs(self, lines: int = 15) -> str:
        """Return the last lines of every log, for a person."""
        return "\n".join(
            [*(process.tail(lines) for process in self.processes), "--- nats-server", self.server.log[-1500:]]
        )

    async def provision(self) -> None:
        """Set its streams and consumers up, as `shale init` does."""
        cards = [card for cards in services().values() for card in cards]
        async with self.connected("init") as bus:
            await provision(bus, cards, ack_wait=self.ack_wait, most=MOST)
