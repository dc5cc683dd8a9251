"""The server's clock: a host's own may be wrong, and what is measured on one must not be compared with another."""

import datetime as dt
import time

from shale.contracts.errors import Transient
from shale.runtime.bus.connection import Bus

KEPT = 15.0
"""Seconds that a difference of two clocks counts: clocks are set right now and then."""


async def server_now(bus: Bus, stream: str) -> float:
    """Return what the server takes for now, in seconds since the epoch. Raises Transient."""
    answer = await bus.api(f"STREAM.INFO.{stream}", {})
    if "error" in answer:
        raise Transient(f"{stream}: {answer['error'].get('description')}")
    return _seconds(answer["ts"])


async def age_of(bus: Bus, stream: str, sequence: int) -> float:
    """Return for how many seconds a message lies in its stream; 0 when it was replaced since. Raises Transient."""
    answer = await bus.api(f"STREAM.MSG.GET.{stream}", {"seq": sequence})
    if "error" in answer:
        return 0
    return max(0.0, await server_now(bus, stream) - _seconds(answer["message"]["time"]))


class ServerClock:
    """How far the server's clock is ahead of this host's, asked for now and then."""

    def __init__(self, bus: Bus, stream: str) -> None:
        self.bus, self.stream = bus, stream
        self._ahead, self._until = 0.0, 0.0

    async def ahead(self, now: float) -> float:
        """Return by how many seconds, `now` being the host's time. Raises Transient."""
        if time.monotonic() >= self._until:
            self._ahead = await server_now(self.bus, self.stream) - now
            self._until = time.monotonic() + KEPT
        return self._ahead


def _seconds(stamp: str) -> float:
    return dt.datetime.fromisoformat(stamp).timestamp()
