"""One bus of each make, simulated and real, with a worker's hands: for the contract suite of the plane."""

import asyncio
from collections.abc import Awaitable, Callable

from shale.contracts import streams
from shale.contracts.facts import Progressed, StorageReady
from shale.contracts.jobs import PackLayer
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.provision import consumers
from shale.runtime.service import Card
from shale.testkit.plane import SimBus, SimPlane
from shale.testkit.stream import SimConsumer

CARD = Card(
    name="waiter", does="waits", kinds=("modelversion",), hears=(StorageReady,), takes=(PackLayer,), says=(Progressed,)
)

Taken = tuple[bytes, Callable[[], Awaitable[object]]]
"""The data of a message in a worker's hands, and how to ack it."""


class Sim:
    """Two planes over one simulated bus."""

    def __init__(self) -> None:
        self.bus = SimBus()
        self.plane, self.other = SimPlane(self.bus, "one"), SimPlane(self.bus, "two")
        queues = {streams.JOBS.name, streams.TICKS.name}
        self.durables = {
            one.stream: SimConsumer(self.bus.stream(one.stream), one.filters, queue=one.stream in queues)
            for one in consumers(CARD)
        }

    async def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.bus.advance(self.bus.clock + seconds)

    async def take(self, stream: str, within: float) -> Taken | None:
        """Put the next message of a stream into a worker's hands; return its data, and how to ack it."""
        durable = self.durables[stream]
        self.bus.advance(self.bus.clock + within)
        if not (waiting := durable.waiting(self.bus.clock)):
            return None
        durable.deliver(waiting[0])

        async def ack() -> None:
            durable.ack(waiting[0])

        return waiting[0].data, ack


class Real:
    """Two planes over one real server."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.plane, self.other = JetPlane(bus, "one"), JetPlane(bus, "two")

    async def passes(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def take(self, stream: str, within: float) -> Taken | None:
        """Put the next message of a stream into a worker's hands; return its data, and how to ack it."""
        sub = await self.bus.stream.pull_subscribe_bind(consumer=CARD.name, stream=stream)
        try:
            [message] = await sub.fetch(1, timeout=within)
        except TimeoutError:
            return None
        finally:
            await sub.unsubscribe()
        return message.data, message.ack_sync


Rig = Sim | Real
