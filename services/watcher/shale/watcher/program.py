"""The watcher as a process: announce, scribe, forget and maker under one lease; who does not hold it stands by."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable

import msgspec

from shale.contracts.errors import Transient
from shale.contracts.streams import OBJECTS
from shale.kube import choose
from shale.kube.choose import Place
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Resources
from shale.runtime.process import Doors, Program
from shale.runtime.settings import read
from shale.watcher.announcer import Announcer
from shale.watcher.keeper import Keeper
from shale.watcher.maker import Maker
from shale.watcher.scribe import Scribe
from shale.watcher.undertaker import Undertaker

SWEEP = 60.0
"""Seconds between looks for dependents that a crash left without their owner."""
RESYNC = 600.0
"""Seconds after which everything is told again: the fence drops what the bus still has."""

log = logging.getLogger("shale.watcher")

Task = Callable[[], Awaitable[None]]


class WatcherSettings(msgspec.Struct, frozen=True):
    """`kubeconfig` (SHALE_KUBECONFIG): the cluster whose objects are watched; in a pod its own, unless it is `none`.

    Elsewhere objects lie in the bucket of the bus.
    """

    kubeconfig: str = ""


def build(doors: Doors) -> Program:
    """Return the program over a cluster, or over the embedded resources. Raises ValueError for a missing kubeconfig."""
    place = choose.cluster(read(WatcherSettings, doors.environ).kubeconfig, doors.environ)
    return _embedded(doors) if place is None else _on_cluster(doors, place)


def _on_cluster(doors: Doors, place: Place) -> Program:
    # The official client takes a second to import: only who works on a cluster pays for it, before anything is served.
    from shale.kube.client import Client  # noqa: PLC0415
    from shale.kube.cluster import MANAGER, ClusterResources  # noqa: PLC0415
    from shale.kube.connection import Connection  # noqa: PLC0415
    from shale.kube.recorder import Recorder  # noqa: PLC0415

    connection = Connection(place.kubeconfig)
    recorder = Recorder(Client(connection, MANAGER), f"{socket.gethostname()}/{os.getpid()}")
    resources = ClusterResources(connection, wrote=recorder.note)
    return _program(doors, resources, (recorder.run,), (connection.close,))


def _embedded(doors: Doors) -> Program:
    resources = EmbeddedResources(doors.bucket(OBJECTS.name))

    async def sweep() -> None:
        while True:
            try:
                await resources.collect()
            except Transient as error:
                log.warning("not swept", extra={"error": str(error)})
            await asyncio.sleep(SWEEP)

    return _program(doors, resources, (sweep,))


def _program(doors: Doors, resources: Resources, beside: tuple[Task, ...], closes: tuple[Task, ...] = ()) -> Program:
    announcer = Announcer(resources, doors.plane, doors.census)

    async def resync() -> None:
        while True:
            await asyncio.sleep(RESYNC)
            announcer.tell_again()

    return Program(
        services=(Scribe(resources), Undertaker(resources), Maker(resources)),
        tasks=(announcer.run, resync, Keeper(doors.store, announcer.tell_again).run, *beside),
        lease="watcher",
        closes=closes,
    )
