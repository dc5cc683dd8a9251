"""Reading levels: the last message of every subject that matches a filter, by one direct get."""

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import nats.errors
from nats.aio.msg import Msg

from shale.contracts.envelope import unwrap_from
from shale.contracts.errors import Transient
from shale.contracts.facts import Fact, Progressed
from shale.runtime.bus.connection import NO_MESSAGE, TIMEOUT, Bus, heed_cancel
from shale.runtime.telemetry import skipped
from shale.runtime.told import Said


class Level(msgspec.Struct, frozen=True):
    """What one direct get answered: decoded messages, and how far the answering server had the stream."""

    said: tuple[Said, ...] = ()
    up_to: int = 0


class TooMany(Transient):
    """More subjects lie under the filters than the server answers at once: it answered nothing at all."""


async def read(bus: Bus, stream: str, filters: Sequence[str]) -> Level:
    """Return the last message of each subject under `filters`. Undecodable ones are skipped and logged.

    Raises Transient, TooMany.
    """
    inbox = bus.client.new_inbox()
    sub = await bus.client.subscribe(inbox)  # pyright: ignore[reportUnknownMemberType]
    try:
        request = json.dumps({"multi_last": list(filters)}).encode()
        await bus.client.publish(f"$JS.API.DIRECT.GET.{stream}", request, reply=inbox)
        said: list[Said] = []
        while True:
            message = await sub.next_msg(timeout=TIMEOUT)
            heed_cancel()
            headers: dict[str, str] = message.headers or {}
            status = headers.get("Status")
            if status == "204":
                return Level(tuple(said), int(headers.get("Nats-UpTo-Sequence", 0)))
            if status == "404":
                return Level()
            if status is not None:
                kind = TooMany if status == "413" else Transient
                raise kind(f"reading {stream} under {', '.join(filters)}: {status} {headers.get('Description')}")
            if (one := _decode(message, headers)) is not None:
                said.append(one)
    except (TimeoutError, nats.errors.Error) as error:
        heed_cancel()
        raise Transient(f"reading {stream}: {type(error).__name__} {error}") from error
    finally:
        await sub.unsubscribe()


def _decode(message: Msg, headers: dict[str, str]) -> Said | None:
    try:
        envelope, fact = unwrap_from(headers.get("Nats-Subject", ""), message.data)
    except ValueError as error:
        skipped("undecodable", headers.get("Nats-Subject", ""), error)
        return None
    return None if fact is None else Said(cast("Fact", fact), int(headers["Nats-Sequence"]), envelope.time)


async def read_fresh(bus: Bus, stream: str, filters: Sequence[str], sequence: int) -> Level | None:
    """Return a level that is not older than `sequence`; None when that message was purged since.

    On R3 a follower may answer behind the message that woke us (2 of 300 under load): read again after 50 ms; after
    the third, ask the leader for that very message.
    """
    for _ in range(3):
        level = await read(bus, stream, filters)
        if max([level.up_to, *(said.sequence for said in level.said)]) >= sequence:
            return level
        await asyncio.sleep(0.05)
    answer = await bus.api(f"STREAM.MSG.GET.{stream}", {"seq": sequence})
    if answer.get("error", {}).get("err_code") == NO_MESSAGE:
        return None
    raise Transient(f"{stream} is behind: sequence {sequence} is not readable yet")


async def last_reading(bus: Bus, stream: str, subject: str) -> tuple[Progressed | None, int]:
    """Return the last reading on one subject and its sequence; (None, 0) when there is none. Raises Transient.

    The leader answers, as the next write is fenced by that sequence.
    """
    answer: dict[str, Any] = await bus.api(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
    if "error" in answer:
        if answer["error"].get("err_code") == NO_MESSAGE:
            return None, 0
        raise Transient(f"reading {stream}, {subject}: {answer['error'].get('description')}")
    sequence = int(answer["message"]["seq"])
    try:
        _, reading = unwrap_from(subject, base64.b64decode(answer["message"].get("data", "")))
    except ValueError as error:
        skipped("undecodable", subject, error)
        return None, sequence
    return (reading if isinstance(reading, Progressed) else None), sequence
