"""The command line's way to objects and messages: connect, look whether this NATS is set up, hand out the doors."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from shale.cli import cluster
from shale.cli.common import Common, kubeconfig, nats_url
from shale.cli.exits import CliError, Exit
from shale.cli.local.server import USUAL_PORT, listens
from shale.contracts.resources import Kind, Object
from shale.contracts.streams import OBJECTS
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Deleted, Obscured, Resources, Unreadable
from shale.kube.watch import Interrupted, Synced, changes
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.connection import Bus, connected
from shale.runtime.settings import Login, read

T = TypeVar("T")


def interruptible() -> None:
    """Take interrupts also where a script started us in the background: they are ignored there, by our children too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end; SIGTERM ends it as an interrupt does, so that whatever it started is ended first."""
    return asyncio.run(_terminable(main))


async def _terminable(main: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(main)
    terminated = asyncio.Event()

    def terminate() -> None:
        terminated.set()
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await task
    except asyncio.CancelledError:
        if terminated.is_set():
            raise CliError("terminated", Exit.TERMINATED) from None
        raise


@asynccontextmanager
async def bus(common: Common) -> AsyncGenerator[Bus]:
    """Connect to the NATS of these options. Raises CliError at once when nobody listens there."""
    _quiet(common)
    url = nats_url(common, os.environ)
    address = _address(url)
    if address is not None and not await listens(*address):
        where = f"{address[0]}:{address[1]}"
        raise CliError(f"no NATS listens at {where}: start it with `shale up`, or say where it is in SHALE_NATS_URL")
    async with connected(url, "cli", fatal=False, login=read(Login, os.environ)) as connection:
        yield connection


def _quiet(common: Common) -> None:
    logging.getLogger("shale").setLevel(logging.DEBUG if common.debug else logging.CRITICAL)


def _address(url: str) -> tuple[str, int] | None:
    """Return host and port; None for what is no URL: `connected` says so."""
    try:
        parts = urlsplit(url)
        port = parts.port or USUAL_PORT
    except ValueError:
        return None
    return parts.hostname or "127.0.0.1", port


@asynccontextmanager
async def resources(common: Common) -> AsyncGenerator[Resources]:
    """Hand out the door to resources: a cluster's or those on NATS. Raises CliError when this NATS was never set up."""
    if path := kubeconfig(common, os.environ):
        _quiet(common)
        async with cluster.resources(path) as found:
            yield found
        return
    async with bus(common) as connection:
        yield await _embedded(connection)


@asynccontextmanager
async def both(common: Common) -> AsyncGenerator[tuple[Bus, Resources]]:
    """Hand out both doors: what was told lies on NATS, wherever the objects are. Raises CliError as the two do."""
    async with bus(common) as connection:
        if path := kubeconfig(common, os.environ):
            async with cluster.resources(path) as found:
                yield connection, found
            return
        yield connection, await _embedded(connection)


async def _embedded(connection: Bus) -> EmbeddedResources:
    if "error" in await connection.api(f"STREAM.INFO.KV_{OBJECTS.name}", {}):
        raise CliError("this NATS is not set up for Shale: run `shale init` once")
    return EmbeddedResources(Bucket(connection, OBJECTS.name))


async def follow(door: Resources, kind: Kind, namespace: str, name: str) -> AsyncGenerator[Object | None]:
    """Yield how one object stands, then each change; None while it is not there. Without end."""
    there = False
    async with aclosing(changes(door, kind)) as told:
        async for change in told:
            match change:
                case Synced(_, _, unreadable):
                    there = there or any(_is(one, namespace, name) for one in unreadable)
                    if not there:
                        yield None
                case Interrupted():
                    there = False
                case _ if not _is(change.object, namespace, name):
                    continue
                case Deleted() | Obscured(_, True):
                    yield None
                case Obscured():
                    there = True
                case _:
                    there = True
                    yield change.object


def _is(obj: Object | Unreadable, namespace: str, name: str) -> bool:
    return (obj.metadata.namespace, obj.metadata.name) == (namespace, name)


async def until_gone(door: Resources, kind: Kind, obj: Object | Unreadable) -> None:
    """Return once this very object is gone: a namesake may be there by then."""
    meta = obj.metadata
    async with aclosing(follow(door, kind, meta.namespace, meta.name)) as seen:
        async for now in seen:
            if now is None or now.metadata.uid != meta.uid:
                return
