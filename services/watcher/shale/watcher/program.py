"""The watcher as a process: announce, scribe, forget and maker under one lease; who does not hold it stands by."""

import asyncio
import logging

from shale.contracts.errors import Transient
from shale.contracts.streams import OBJECTS
from shale.kube.embedded import EmbeddedResources
from shale.runtime.process import Doors, Program
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


def build(doors: Doors) -> Program:
    """Return the program, over the embedded resources."""
    resources = EmbeddedResources(doors.bucket(OBJECTS.name))
    announcer = Announcer(resources, doors.plane, doors.census)

    async def sweep() -> None:
        while True:
            try:
                await resources.collect()
            except Transient as error:
                log.warning("not swept", extra={"error": str(error)})
            await asyncio.sleep(SWEEP)

    async def resync() -> None:
        while True:
            await asyncio.sleep(RESYNC)
            announcer.tell_again()

    return Program(
        services=(Scribe(resources), Undertaker(resources), Maker(resources)),
        tasks=(announcer.run, sweep, resync, Keeper(doors.store, announcer.tell_again).run),
        lease="watcher",
    )
