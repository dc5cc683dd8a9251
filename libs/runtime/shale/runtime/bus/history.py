"""What was told, in order: SHALE_HISTORY, for people and other outsiders. No service reads it (events.md)."""

import json
import logging
from collections.abc import AsyncGenerator
from typing import Any, cast

import msgspec
import nats.errors
from nats.aio.msg import Msg

from shale.contracts import streams, subjects
from shale.contracts.envelope import unwrap
from shale.contracts.errors import Transient
from shale.contracts.facts import Fact, Gone
from shale.runtime.bus.connection import TIMEOUT, Bus

BATCH = 256
QUIET = 5.0
"""Seconds that one request for more waits; so often the server is asked whether the consumer is still there."""

log = logging.getLogger("shale.bus")


class Told(msgspec.Struct, frozen=True):
    """One fact as it was told: `time` RFC 3339 by its teller's clock, `sequence` its place in the history."""

    time: str
    source: str
    sequence: int
    fact: Fact


async def told(bus: Bus, kind: str = "", namespace: str = "", *, follow: bool = False) -> AsyncGenerator[Told]:
    """Yield what was told of a kind (a word, empty for all) in a namespace (likewise), the oldest first.

    It ends with what there is, unless `follow`: then it waits for more, without end. Raises Transient, also when the
    server lost our place (a restart): begin again.
    """
    consumer, pending = await _consumer(bus, _filters(kind, namespace))
    while pending or follow:
        for message in await _more(bus, consumer, wait=follow and not pending):
            pending = max(0, pending - 1)
            one = _decode(message)
            if one is not None and _wanted(one.fact, kind, namespace):
                yield one


def _filters(kind: str, namespace: str) -> list[str]:
    rest = f"{kind or '*'}.{subjects.token(namespace) if namespace else '*'}.>"
    return [f"shale.fact.{rest}", f"shale.now.{rest}", subjects.heard("", Gone)]


def _wanted(fact: Fact, kind: str, namespace: str) -> bool:
    """Say whether a fact is asked for: `Gone` has neither kind nor namespace in its subject."""
    return fact.about.kind == (kind or fact.about.kind) and fact.about.namespace == (namespace or fact.about.namespace)


async def _consumer(bus: Bus, filters: list[str]) -> tuple[str, int]:
    """Make an ephemeral consumer; return its name and how many messages there are for it."""
    stream = streams.HISTORY.name
    config = {
        "filter_subjects": filters,
        "ack_policy": "none",
        "deliver_policy": "all",
        "mem_storage": True,
        "inactive_threshold": 30_000_000_000,
    }
    answer = await bus.api(f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config})
    if "error" in answer:
        raise Transient(f"{stream}: {answer['error'].get('description')}: is this NATS set up (`shale init`)?")
    return str(answer["name"]), int(answer["num_pending"])


async def _more(bus: Bus, consumer: str, *, wait: bool) -> list[Msg]:
    """Return what is there, or with `wait` what comes within QUIET seconds. Transient: the consumer is lost."""
    inbox = bus.client.new_inbox()
    request: dict[str, Any] = {"batch": 1 if wait else BATCH}
    request |= {"expires": int(QUIET * 1e9)} if wait else {"no_wait": True}
    sub = await bus.client.subscribe(inbox)  # pyright: ignore[reportUnknownMemberType]
    try:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{streams.HISTORY.name}.{consumer}"
        await bus.client.publish(subject, json.dumps(request).encode(), reply=inbox)
        messages: list[Msg] = []
        while len(messages) < request["batch"]:
            message = await sub.next_msg(timeout=QUIET + TIMEOUT)
            status = (message.headers or {}).get("Status")
            if status in {"404", "408"}:  # no more just now
                break
            if status is not None:
                raise Transient(f"the history's consumer is lost ({status}): ask again")
            messages.append(message)
    except (TimeoutError, nats.errors.Error) as error:
        raise Transient(f"reading {streams.HISTORY.name}: {type(error).__name__} {error}") from error
    else:
        return messages
    finally:
        await sub.unsubscribe()


def _decode(message: Msg) -> Told | None:
    try:
        envelope, fact = unwrap(message.data)
    except ValueError as error:
        log.warning("undecodable", extra={"subject": message.subject, "error": str(error)})
        return None
    sequence = message.metadata.sequence.stream
    return None if fact is None else Told(envelope.time, envelope.source, sequence, cast("Fact", fact))
