"""A whole local installation: NATS, its streams, the services; started in order, ended in the other."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from shale.cli.local import server, services
from shale.cli.local.home import Home, Running, State
from shale.cli.local.keeper import Kept, kept
from shale.cli.local.tending import Tender, warn
from shale.kube import choose
from shale.runtime.bus.connection import connected
from shale.runtime.bus.provision import provision
from shale.runtime.installed import services as installed

MOST = 256 << 20
"""Bytes that any one stream may take of a laptop's disk."""
PACKER = "builder-sync"
"""The service that runs more than once: it does the work."""


class Plan(msgspec.Struct, frozen=True):
    """What is to be up; `port` None means the usual one or any that is free."""

    home: Home
    registry: Path
    port: int | None = None
    workers: int = 2
    roots: str = ""
    kubeconfig: str = ""


@asynccontextmanager
async def up(plan: Plan, say: Callable[[str], None]) -> AsyncGenerator[State]:
    """Start everything and yield once all is ready; end all of it when the block ends. Raises CliError, Transient."""
    home, started = plan.home, time.time()
    with home.owned():
        port = server.choose_port(plan.port)
        monitor = next(one for one in iter(server.any_port, None) if one != port)
        url = f"nats://{server.HOST}:{port}"
        us = Running("up", os.getpid(), started)
        state = State(url, str(plan.registry), str(home.logs), us, kubeconfig=plan.kubeconfig)
        held: list[Kept] = []

        def changed() -> None:
            try:
                home.write(msgspec.structs.replace(state, processes=tuple(one.process.running for one in held)))
            except OSError as error:  # a full disk must not end who keeps the others running
                say(f"{home.state_file} was not written: {error.strerror}")

        async with kept((server.program(home, port, monitor),), say, changed) as (nats,):
            held.append(nats)
            changed()
            await server.answers(url, port, nats.program.log)
            async with connected(url, "up", fatal=False) as bus:
                await provision(bus, [card for cards in installed().values() for card in cards], most=MOST)
            told = services.told(url, plan.registry, plan.roots, plan.kubeconfig or choose.NONE) | services.draining()
            environ = services.environ(told | services.keyed(home.key(), os.environ), os.environ)
            async with kept(services.programs(home, _names(plan.workers), environ), say, changed) as started_services:
                held.extend(started_services)
                changed()
                await services.ready(started_services)
                async with _beside(Tender(nats, home.store, say).run(monitor), warn(url, say)):
                    yield msgspec.structs.replace(state, processes=tuple(one.process.running for one in held))


@asynccontextmanager
async def _beside(*works: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Work on the side until the block ends."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for said in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(said, Exception):
                raise said


def _names(workers: int) -> tuple[str, ...]:
    return tuple(name for name in installed() for _ in range(workers if name == PACKER else 1))
