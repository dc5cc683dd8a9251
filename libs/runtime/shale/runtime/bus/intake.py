"""From a durable consumer to the desk.

Fetch as much as there is room for, and come back after anything that passes by itself.
"""

import asyncio
import logging

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shale.contracts import streams, subjects
from shale.contracts.facts import Declared, Gone
from shale.runtime.bus.connection import Bus, heed_cancel
from shale.runtime.bus.desk import Desk
from shale.runtime.bus.provision import Consumer, consumers
from shale.runtime.service import Service

FETCH = 1.0
"""Seconds one fetch waits: a fetch in flight is not issued again after a reconnect (nats-findings 1.1)."""
BACKOFF = (0.1, 0.25, 0.5, 1.0, 2.0)

log = logging.getLogger("shale.intake")


async def _bind(bus: Bus, consumer: Consumer) -> JetStreamContext.PullSubscription:
    return await bus.stream.pull_subscribe_bind(consumer=consumer.name, stream=consumer.stream)


async def intake(bus: Bus, desk: Desk, consumer: Consumer, drain: asyncio.Event) -> None:
    """Feed the desk from one consumer until `drain` is set.

    A consumer that is not there is bound again with back-off, for ever.
    """
    failures, place = 0, f"{consumer.stream}/{consumer.name}"
    jobs = consumer.stream == streams.JOBS.name
    sub: JetStreamContext.PullSubscription | None = None
    while not drain.is_set():
        heed_cancel()
        try:
            sub = sub or await _bind(bus, consumer)
            room = desk.room(jobs=jobs)
            messages = await _fetch(sub, room)
            if room > 0:  # else nothing was asked
                desk.unbound.discard(place)
            await desk.put(messages)
            failures = 0
        except (TimeoutError, nats.errors.Error, ConnectionError) as error:
            log.warning(
                "consumer",
                extra={"consumer": place, "error": f"{type(error).__name__} {error}"},
            )
            desk.unbound.add(place)
            await _unbind(sub)
            sub = None
            await _pause(BACKOFF[min(failures, len(BACKOFF) - 1)], drain)
            failures += 1
    await _unbind(sub)


async def _pause(seconds: float, drain: asyncio.Event) -> None:
    """Wait, unless it is time to end."""
    try:
        async with asyncio.timeout(seconds):
            await drain.wait()
    except TimeoutError:
        return


async def _unbind(sub: JetStreamContext.PullSubscription | None) -> None:
    """Take an inbox back: each one that is left behind would be kept for the life of the connection."""
    try:
        if sub is not None:
            await sub.unsubscribe()
    except nats.errors.Error as error:
        log.info("inbox not taken back", extra={"error": f"{type(error).__name__} {error}"})


async def _fetch(sub: JetStreamContext.PullSubscription, room: int) -> list[Msg]:
    """Return the next message, if one comes in time. One, though there may be room for many.

    nats-py 2.16 asks for several with `no_wait` and `expires` at once, which the server takes for a lingering pull: it
    held single messages back for up to a second (0.5 s to Ready with 64, 0.1 s with 1). They meet at the desk.
    """
    if room <= 0:
        await asyncio.sleep(0.02)
        return []
    try:
        return await sub.fetch(1, timeout=FETCH)
    except (TimeoutError, nats.errors.TimeoutError):
        return []


async def run_service(bus: Bus, desk: Desk, service: Service, drain: asyncio.Event) -> None:
    """Feed one service's desk from all its consumers until `drain` is set.

    Who takes jobs hears at once what is over.
    """
    ears = [subjects.heard("*", Declared), subjects.heard("", Gone)] if service.card.takes else []
    subs = [await bus.client.subscribe(subject, cb=desk.hear) for subject in ears]  # pyright: ignore[reportUnknownMemberType]
    pulse = asyncio.create_task(desk.beat())
    try:
        async with asyncio.TaskGroup() as group:
            for consumer in consumers(service.card):
                group.create_task(intake(bus, desk, consumer, drain))
    finally:
        for sub in subs:
            await sub.unsubscribe()
        pulse.cancel()
        await asyncio.gather(pulse, return_exceptions=True)
