"""The watcher, whose scribe is stopped (SIGSTOP) once, at the worst moment: `sleeper.py read|write`.

`read`: after it read the facts and before it reads the object; `write`: between reading both and writing the status.
"""

import asyncio
import logging
import os
import signal
import sys

import msgspec

from shale.contracts.resources import Kind, ModelVersion, ModelVersionStatus, Object, Status
from shale.contracts.streams import OBJECTS
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Conflict, Invalid, Missing
from shale.runtime.process import Doors, Program, run
from shale.watcher import program
from shale.watcher.scribe import Scribe

log = logging.getLogger("sleeper")


class Sleeper(EmbeddedResources):
    """The resources of one scribe, who falls asleep over them once."""

    slept = False
    moment = sys.argv[1]

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | Missing:
        """Read an object that has a status by now, and is not Ready yet."""
        found = await super().get(kind, namespace, name)
        waits = isinstance(found, ModelVersion) and found.status.phase not in {"", "Ready"}
        if self.moment == "read" and waits and not self.slept:
            self._sleep()
            return await super().get(kind, namespace, name)
        return found

    async def apply_status(self, obj: Object, status: Status) -> Object | Missing | Conflict | Invalid:
        """Write a status."""
        if self.moment != "write" or self.slept or (isinstance(status, ModelVersionStatus) and status.phase == "Ready"):
            return await super().apply_status(obj, status)
        self._sleep()
        return await asyncio.shield(self._late(obj, status))  # who lost the lease is cancelled: its write is tried

    async def _late(self, obj: Object, status: Status) -> Object | Missing | Conflict | Invalid:
        written = await super().apply_status(obj, status)
        log.info("wrote", extra={"result": type(written).__name__, "phase": status.phase})
        return written

    def _sleep(self) -> None:
        self.slept = True
        log.info("sleeps")
        os.kill(os.getpid(), signal.SIGSTOP)
        log.info("wakes")


def build(doors: Doors) -> Program:
    """Return the watcher's program with its scribe exchanged."""
    made = program.build(doors)
    scribe = Scribe(Sleeper(doors.bucket(OBJECTS.name)))
    services = tuple(scribe if isinstance(service, Scribe) else service for service in made.services)
    return msgspec.structs.replace(made, services=services)


if __name__ == "__main__":
    asyncio.run(run("watcher", build))
