"""Kubernetes Events beside the statuses: best effort, bounded, and never in the way of who writes a status."""

import asyncio
import datetime as dt
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from shale.contracts.errors import Transient
from shale.contracts.resources import Object, Status
from shale.kube import events
from shale.kube.budget import Budget
from shale.kube.client import Client
from shale.kube.events import Noted
from shale.kube.resources import Invalid

WAITING = 512
"""Events that wait to be told; the oldest give way."""
KNOWN = 1024
"""Events that are remembered, 1 KB each: what they say is counted there when it comes back."""
BURST, REFILL = 25, 300.0
"""Events of one object at once, and the seconds until one more: the bounds of Kubernetes' own recorder."""
AGAIN = 2.0
TRIES = 5

log = logging.getLogger("shale.events")


def micro_now() -> str:
    """Return the time of day as an Event says it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Recorder:
    """Tells Events from a queue of its own. An object that goes to and fro is told of less often, its end always."""

    def __init__(self, client: Client, instance: str, clock: Callable[[], str] = micro_now) -> None:
        self._client, self._instance, self._clock = client, instance, clock
        self._waiting: deque[Noted] = deque(maxlen=WAITING)
        self._known: OrderedDict[str, Noted] = OrderedDict()
        self._budget = Budget(BURST, REFILL, time.monotonic)
        self._wake = asyncio.Event()

    def note(self, obj: Object, status: Status) -> None:
        """Keep what a status that was written over `obj` has to tell."""
        noted = events.of(obj, status, self._clock(), self._instance)
        if noted is not None and (self._budget.takes(noted.whose) or noted.end):
            self._waiting.append(noted)
            self._wake.set()

    async def run(self) -> None:
        """Tell what is noted, without end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._tell(self._waiting.popleft())

    async def _tell(self, noted: Noted) -> None:
        """Tell one; what cannot be told in some seconds is dropped, and so is what the API server does not want.

        One that is remembered is applied: it is counted once however often that is tried, and made anew if it is gone.
        """
        known = self._known.pop(noted.what, None)
        told = events.again(known, noted) if known else noted
        self._known[noted.what] = told
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        tell = self._client.apply if known else self._client.create
        for _ in range(TRIES):
            try:
                if not await self._client.serves(events.EVENT):
                    return
                said = await tell(told.event)
            except Transient as error:
                log.warning("event not told yet", extra={"event": told.name, "error": str(error)})
                await asyncio.sleep(AGAIN)
                continue
            if isinstance(said, Invalid):
                log.warning("event refused", extra={"event": told.name, "error": said.message})
            return
