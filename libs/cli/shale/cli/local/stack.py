"""A whole local installation: NATS, its streams, the services; started in order, ended in the other."""

import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from shale.cli.local import server, services
from shale.cli.local.home import Home, Running, State
from shale.cli.local.keeper import Kept, kept
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
        url = f"nats://{server.HOST}:{port}"
        us = Running("up", os.getpid(), started)
        state = State(url, str(plan.registry), str(home.logs), us, kubeconfig=plan.kubeconfig)
        held: list[Kept] = []

        def changed() -> None:
            home.write(msgspec.structs.replace(state, processes=tuple(one.process.running for one in held)))

        async with kept((server.program(home, port),), say, changed) as (nats,):
            held.append(nats)
            changed()
            await server.answers(url, port, nats.program.log)
            async with connected(url, "up", fatal=False) as bus:
                await provision(bus, [card for cards in installed().values() for card in cards], most=MOST)
            told = services.told(url, plan.registry, plan.roots, plan.kubeconfig or choose.NONE) | services.draining()
            environ = services.environ(told, os.environ)
            async with kept(services.programs(home, _names(plan.workers), environ), say, changed) as started_services:
                held.extend(started_services)
                changed()
                await services.ready(started_services)
                yield msgspec.structs.replace(state, processes=tuple(one.process.running for one in held))


def _names(workers: int) -> tuple[str, ...]:
    return tuple(name for name in installed() for _ in range(workers if name == PACKER else 1))
