"""The leader's look at the bus now and then: how full its streams are, and whether it forgot everything meanwhile."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from shale.contracts.errors import Transient
from shale.contracts.streams import FACTS
from shale.runtime.bus.store import Stock, filling
from shale.runtime.telemetry import stocked

EVERY = 3.0
"""Seconds between two looks: as late a wiped bus is told everything again."""

log = logging.getLogger("shale.watcher")


class Store(Protocol):
    """The state of all streams."""

    async def stocks(self) -> tuple[Stock, ...]:
        """Return every stream that is there. Raises Transient."""
        ...


class Keeper:
    """Compares each look with the one before; `wiped` is called when the bus lost what was told."""

    def __init__(self, store: Store, wiped: Callable[[], None]) -> None:
        self.store, self.wiped = store, wiped
        self._facts: Stock | None = None
        self._filling: set[str] = set()

    async def run(self) -> None:
        """Look, without end."""
        while True:
            try:
                self.weigh(await self.store.stocks())
            except Transient as error:
                log.warning("streams not looked at", extra={"error": str(error)})
            await asyncio.sleep(EVERY)

    def weigh(self, stocks: tuple[Stock, ...]) -> None:
        """Measure all, warn of what fills, and notice facts that are not those of the last look."""
        for one in stocks:
            stocked(one.name, one.used, one.allowed)
        for one in filling(stocks, self._filling):
            log.warning("stream fills", extra={"stream": one.name, "used": one.used, "allowed": one.allowed})
        now = next((one for one in stocks if one.name == FACTS.name), None)
        if now is None:
            return
        before, self._facts = self._facts, now
        if before is not None and not now.follows(before):
            log.warning("the bus was wiped: everything is told again", extra={"born": now.born, "last": now.last})
            self.wiped()
