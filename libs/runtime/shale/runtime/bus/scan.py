"""Reading a stream from its beginning, in order: for people and other outsiders, never for a service (events.md)."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import nats.errors
from nats.aio.msg import Msg

from shale.contracts.errors import Transient
from shale.runtime.bus.connection import TIMEOUT, Bus, heed_cancel

BATCH = 256
QUIET = 5.0
"""Seconds that one request for more waits; so often the server is asked whether the consumer is still there."""


async def messages(
    bus: Bus, stream: str, filters: Sequence[str], *, follow: bool = False, batch: int = BATCH
) -> AsyncGenerator[Msg]:
    """Yield the messages of a stream under any of the filters, the oldest first, at most `batch` of them in memory.

    It ends with what there is, unless `follow`: then it waits for more, without end. Raises Transient, also when the
    server lost our place (a restart): begin again.
    """
    consumer, pending = await _consumer(bus, stream, filters)
    while pending or follow:
        for message in await _more(bus, stream, consumer, 0 if follow and not pending else batch):
            pending = max(0, pending - 1)
            yield message


async def _consumer(bus: Bus, stream: str, filters: Sequence[str]) -> tuple[str, int]:
    """Make an ephemeral consumer; return its name and how many messages there are for it."""
    config = {
        "filter_subjects": list(filters),
        "ack_policy": "none",
        "deliver_policy": "all",
        "mem_storage": True,
        "inactive_threshold": 30_000_000_000,
    }
    answer = await bus.api(f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config})
    if "error" in answer:
        raise Transient(f"{stream}: {answer['error'].get('description')}: is this NATS set up (`shale init`)?")
    return str(answer["name"]), int(answer["num_pending"])


async def _more(bus: Bus, stream: str, consumer: str, batch: int) -> list[Msg]:
    """Return what is there, at most `batch`; with 0 what comes within QUIET seconds. Transient: our place is lost."""
    inbox = bus.client.new_inbox()
    request: dict[str, Any] = {"batch": batch or 1}
    request |= {"no_wait": True} if batch else {"expires": int(QUIET * 1e9)}
    sub = await bus.client.subscribe(inbox)  # pyright: ignore[reportUnknownMemberType]
    try:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        await bus.client.publish(subject, json.dumps(request).encode(), reply=inbox)
        found: list[Msg] = []
        while len(found) < request["batch"]:
            message = await sub.next_msg(timeout=QUIET + TIMEOUT)
            heed_cancel()
            status = (message.headers or {}).get("Status")
            if status in {"404", "408"}:  # no more just now
                break
            if status is not None:
                raise Transient(f"the consumer of {stream} is lost ({status}): ask again")
            found.append(message)
    except (TimeoutError, nats.errors.Error) as error:
        heed_cancel()
        raise Transient(f"reading {stream}: {type(error).__name__} {error}") from error
    else:
        return found
    finally:
        await sub.unsubscribe()
