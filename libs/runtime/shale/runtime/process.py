"""One process of one service: connect, serve its desks until SIGTERM, drain."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from shale.contracts.streams import CLAIM
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.census import JetCensus
from shale.runtime.bus.connection import Bus, connected
from shale.runtime.bus.desk import Desk
from shale.runtime.bus.intake import run_service
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.lease import Lease
from shale.runtime.bus.store import JetStore
from shale.runtime.health import served
from shale.runtime.plane import Plane
from shale.runtime.service import Service
from shale.runtime.settings import Login, Settings, SettingsError, read
from shale.runtime.telemetry import start

log = logging.getLogger("shale.process")


class Doors:
    """What the runtime hands to a service that is being built: buckets and the plane, never the bus itself."""

    def __init__(self, bus: Bus, name: str, environ: Mapping[str, str]) -> None:
        self._bus = bus
        self.environ = environ
        self.plane: Plane = JetPlane(bus, name)
        self.census = JetCensus(bus)
        self.store = JetStore(bus)

    def bucket(self, name: str) -> Bucket:
        """Return one of the buckets that the service's card names, be it for a few keys."""
        return Bucket(self._bus, name)


class Program(msgspec.Struct, frozen=True):
    """What one process runs: services with their consumers, and tasks beside them (the watcher's announce).

    With a `lease`, only the process that holds it works; the others stand by. `closes` are awaited at the end.
    """

    services: tuple[Service, ...]
    tasks: tuple[Callable[[], Awaitable[None]], ...] = ()
    lease: str = ""
    closes: tuple[Callable[[], Awaitable[None]], ...] = ()


Opened = Callable[[], list[Desk]]
"""Opens the desks of this process's services."""


class Build(Protocol):
    """How a service's `program.py` makes its program from the doors."""

    def __call__(self, doors: Doors) -> Program:
        """Return the program."""
        ...


async def run(name: str, build: Build, environ: Mapping[str, str] | None = None) -> None:
    """Run one service until SIGTERM or SIGINT. Raises SettingsError, Transient (no NATS at the start)."""
    environ = os.environ if environ is None else environ
    settings = read(Settings, environ)
    start(name, settings.log_level)
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with connected(settings.nats_url, name, login=read(Login, environ)) as bus:
        program = _built(build, Doors(bus, name, environ))
        desks: list[Desk] = []

        def opened() -> list[Desk]:  # anew each time that this process leads
            desks[:] = [Desk(bus, JetPlane(bus, name), one, ack_wait=settings.ack_wait) for one in program.services]
            return desks

        def ready() -> str:
            lost = ", ".join(sorted(one for desk in desks for one in desk.unbound))
            return ("" if not lost else f"not there: {lost}") if bus.is_connected else "NATS is not connected"

        async with served(settings.health_port, ready, settings.health_host) as port:
            log.info("up", extra={"service": name, "pid": os.getpid(), "health_port": port})
            try:
                await _work(bus, opened, program, settings, stop)
            finally:
                await asyncio.gather(*(close() for close in program.closes))
    log.info("down", extra={"service": name})


def _built(build: Build, doors: Doors) -> Program:
    """Build the program. What its settings hold is read here: a value that it cannot use is a setting's mistake."""
    try:
        return build(doors)
    except ValueError as error:
        raise SettingsError(str(error)) from error


async def _work(bus: Bus, opened: Opened, program: Program, settings: Settings, stop: asyncio.Event) -> None:
    if not program.lease:
        await _serve(bus, opened(), program, settings, stop)
        return
    holder = settings.instance or f"{socket.gethostname()}/{os.getpid()}"
    lease = Lease(Bucket(bus, CLAIM.name), program.lease, holder, settings.lease_ttl)

    async def leading() -> None:
        await _serve(bus, opened(), program, settings, stop)

    await lease.lead(leading, stop)


async def _serve(bus: Bus, desks: list[Desk], program: Program, settings: Settings, stop: asyncio.Event) -> None:
    beside = [asyncio.ensure_future(task()) for task in program.tasks]
    try:
        async with asyncio.TaskGroup() as group:
            for desk in desks:
                group.create_task(run_service(bus, desk, desk.service, stop))
            if beside:
                group.create_task(_until(stop, beside))
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await asyncio.gather(*(desk.drain(settings.drain_seconds) for desk in desks))
        desks.clear()  # who does not serve any more misses no consumer


async def _until(stop: asyncio.Event, beside: Sequence[asyncio.Future[None]]) -> None:
    """End at `stop`; raise what a task beside the services raised: its end is the process's."""
    waiter = asyncio.ensure_future(stop.wait())
    await asyncio.wait([waiter, *beside], return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    for task in beside:
        if task.done():
            task.result()
