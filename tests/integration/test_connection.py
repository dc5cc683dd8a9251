"""The connection's sharp edges, on a real server."""

import asyncio

import pytest

from shale.contracts import streams, subjects
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.levels import read
from shale.testkit.messages import messages

pytestmark = pytest.mark.real_nats

ROUNDS = 300
"""Of so many cancellations, each a little later than the one before, some meet an answer: 3 to 30 were lost then."""


async def publishes(bus: Bus) -> None:
    await bus.publish(subjects.of_fact(next(iter(messages().values()))), b"{}", {})


async def asks(bus: Bus) -> None:
    await bus.api(f"STREAM.INFO.{streams.FACTS.name}", {})


async def reads(bus: Bus) -> None:
    await read(bus, streams.FACTS.name, ("shale.fact.>",))


async def looks_up(bus: Bus) -> None:
    await Bucket(bus, streams.CLAIM.name).get("nobody")


@pytest.mark.parametrize("step", [publishes, asks, reads, looks_up])
async def test_who_is_cancelled_while_an_answer_comes_ends(step, real_bus: Bus):
    async def for_ever() -> None:
        while True:
            await step(real_bus)

    for number in range(ROUNDS):
        task = asyncio.create_task(for_ever())
        await asyncio.sleep(0.00003 * (number % 100))
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=20)
        if not done:
            task.cancel()
        assert done, f"it goes on after cancellation {number}"
