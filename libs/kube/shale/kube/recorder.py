"""Kubernetes Events beside the statuses: best effort, bounded, and never in the way of who writes a status."""

import asyncio
import datetime as dt
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from shale.contracts.errors import Transient
from shale.contracts.resources import Object, Status
from shale.kube import events
from shale.kube.client import Client
from shale.kube.resources import Invalid

WAITING = 512
"""Events that wait to be told; the oldest give way."""
AGAIN = 2.0
TRIES = 5

log = logging.getLogger("shale.events")


def micro_now() -> str:
    """Return the time of day as an Event says it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Recorder:
    """Tells Events from a queue of its own."""

    def __init__(self, client: Client, instance: str, clock: Callable[[], str] = micro_now) -> None:
        self._client, self._instance, self._clock = client, instance, clock
        self._waiting: deque[dict[str, Any]] = deque(maxlen=WAITING)
        self._wake = asyncio.Event()

    def note(self, obj: Object, status: Status) -> None:
        """Keep what a status that was written over `obj` has to tell."""
        event = events.of(obj, status, self._clock(), self._instance)
        if event is not None:
            self._waiting.append(event)
            self._wake.set()

    async def run(self) -> None:
        """Tell what is noted, without end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._tell(self._waiting.popleft())

    async def _tell(self, event: dict[str, Any]) -> None:
        """Tell one; what cannot be told in some seconds is dropped, and so is what the API server does not want."""
        for _ in range(TRIES):
            try:
                if not await self._client.serves(events.EVENT):
                    return
                said = await self._client.create(event)
            except Transient as error:
                log.warning("event not told yet", extra={"event": event["metadata"]["name"], "error": str(error)})
                await asyncio.sleep(AGAIN)
                continue
            if isinstance(said, Invalid):
                log.warning("event refused", extra={"event": event["metadata"]["name"], "error": said.message})
            return
