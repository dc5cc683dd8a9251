"""`shale init`.

Streams, buckets and consumers, created and upgraded from the data in contracts and the services' cards.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from shale.contracts import streams, subjects
from shale.contracts.errors import Transient
from shale.contracts.facts import Gone
from shale.runtime.bus.connection import Bus
from shale.runtime.service import Card

_NS = 1_000_000_000
TRIES, PAUSE = 10, 0.2
NO_ROOM = {10023, 10047}
"""Insufficient resources, insufficient storage resources: the bounds of all streams are more than the server has."""
LEAST, HALVINGS = 1 << 20, 13
"""Bytes below which no stream is made, and how often 4 GiB are halved until there."""
_MIN_WINDOW = 100_000_000
"""100 ms, the server's least: no message of ours has a Nats-Msg-Id, so the window has nothing to do (events.md)."""


class Consumer(msgspec.Struct, frozen=True):
    """One durable of one service on one stream."""

    stream: str
    name: str
    filters: tuple[str, ...]


def consumers(card: Card) -> tuple[Consumer, ...]:
    """Return the durables that a card asks for: facts it hears, readings it reads, jobs it takes, and its ticks."""
    heard = (*((kind, fact) for kind in card.kinds for fact in card.hears), *card.refers)
    facts = tuple(subjects.heard(kind, fact) for kind, fact in heard if fact is not Gone)
    gone = (subjects.heard("", Gone),) if any(fact is Gone for _, fact in heard) else ()
    readings = tuple(subjects.heard(kind, reading) for kind in card.kinds for reading in card.reads)
    jobs = tuple(subjects.taken(job) for job in card.takes)
    ticks = (f"shale.tick.{card.name}.*.*",) if card.hears else ()
    wanted = (
        (streams.FACTS.name, facts + gone),
        (streams.NOW.name, readings),
        (streams.JOBS.name, jobs),
        (streams.TICKS.name, ticks),
    )
    return tuple(Consumer(stream, card.name, filters) for stream, filters in wanted if filters)


async def provision(
    bus: Bus, cards: Iterable[Card], *, ack_wait: float = 30, replicas: int = 1, most: int = -1
) -> list[str]:
    """Create or upgrade everything; return what was made or changed, one line each.

    Raises Transient with the server's word.

    `ack_wait` in seconds; `most` bounds the bytes of any one stream, for a laptop's disk.
    """
    kept = [_bucket(bucket, replicas, most) for bucket in streams.BUCKETS]
    made = await _streams(bus, [*kept, *(_config(one, replicas, most) for one in streams.STREAMS)])
    made += [await _consumer(bus, consumer, ack_wait) for card in cards for consumer in consumers(card)]
    return [line for line in made if line]


def _config(stream: streams.Stream, replicas: int, most: int) -> dict[str, Any]:
    return {
        "name": stream.name,
        "description": stream.why,
        "subjects": list(stream.subjects) or None,
        "sources": [{"name": source} for source in stream.sources] or None,
        "retention": stream.retention,
        "storage": "file",
        "num_replicas": replicas,
        "discard": stream.discard,
        "discard_new_per_subject": stream.discard == "new" and stream.per_subject > 0,
        "max_msgs_per_subject": stream.per_subject,
        "max_age": stream.max_age * _NS,
        "max_bytes": stream.max_bytes if most < 0 else min(most, stream.max_bytes),
        "duplicate_window": _MIN_WINDOW,
        "allow_direct": True,
        "allow_msg_ttl": stream.ttl,
        "allow_msg_schedules": stream.schedules,
    }


def _bucket(bucket: streams.Bucket, replicas: int, most: int) -> dict[str, Any]:
    as_stream = streams.Stream(
        name=f"KV_{bucket.name}",
        subjects=(f"$KV.{bucket.name}.>",),
        per_subject=1,
        max_age=bucket.ttl,
        max_bytes=bucket.max_bytes,
        discard=bucket.discard,
        ttl=True,
        why=bucket.why,
    )
    return {
        **_config(as_stream, replicas, most),
        "discard_new_per_subject": False,
        "allow_rollup_hdrs": True,
    }


async def _streams(bus: Bus, configs: list[dict[str, Any]]) -> list[str]:
    """Make or change all streams; where the server has no room for a new one, all with half the bytes, and half again.

    The server does not say how much it has, and takes what a stream may hold for used.
    """
    made: dict[str, str] = {}
    for halved in range(HALVINGS):
        for config in configs:
            line = await _stream(bus, {**config, "max_bytes": max(LEAST, config["max_bytes"] >> halved)})
            if line is None:
                break
            if line:
                made.setdefault(config["name"], line)
        else:
            return list(made.values())
    raise Transient("JetStream has no room for all streams: give it more by its max_file_store, or a larger disk")


async def _stream(bus: Bus, config: dict[str, Any]) -> str | None:
    """Make or change one stream; return what was done, None where there is no room for a new one."""
    name = config["name"]
    info = await bus.api(f"STREAM.INFO.{name}", {})
    there = info.get("config")
    bound = _bound(config, there, info.get("state", {}).get("bytes", 0))
    wanted = {key: value for key, value in {**config, "max_bytes": bound}.items() if value is not None}
    if there is not None and _is_as(there, {**config, "max_bytes": bound}):
        return ""
    answer = await _made(bus, f"STREAM.{'UPDATE' if there else 'CREATE'}.{name}", wanted)
    if answer.get("error", {}).get("err_code") in NO_ROOM:
        return "" if there else None
    if "error" in answer:
        word = answer["error"].get("description")
        raise Transient(f"stream {name}: {word}. Is nats-server 2.12 or newer, with -js?")
    return f"stream {name}{' (changed)' if there else ''}"


def _bound(config: dict[str, Any], there: dict[str, Any] | None, used: int) -> int:
    """Return the bytes that a stream may hold: what is wished, and room to grow where nothing goes by its age.

    One that is there keeps a smaller bound until it is half full: perhaps the server had no room for more.
    """
    bound: int = config["max_bytes"]
    old = there["max_bytes"] if there else -1
    if 0 < old < bound and 2 * used <= old:
        return old
    while not config["max_age"] and bound < 2 * used:
        bound *= 2
    return bound


async def _made(bus: Bus, subject: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the server's answer; a stream whose namesake was just deleted is asked for again while its folder goes."""
    answer = await bus.api(subject, wanted)
    for _ in range(TRIES):
        if not answer.get("error", {}).get("description", "").startswith("error creating store"):
            break
        await asyncio.sleep(PAUSE)
        answer = await bus.api(subject, wanted)
    return answer


async def _consumer(bus: Bus, consumer: Consumer, ack_wait: float) -> str:
    config = {
        "durable_name": consumer.name,
        "name": consumer.name,
        "filter_subjects": list(consumer.filters),
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "ack_wait": int(ack_wait * _NS),
        "max_deliver": -1,
        "max_ack_pending": -1,
    }
    place = f"{consumer.stream}.{consumer.name}"
    there = (await bus.api(f"CONSUMER.INFO.{place}", {})).get("config")
    if there is not None and _is_as(there, config):
        return ""
    answer = await bus.api(f"CONSUMER.CREATE.{place}", {"stream_name": consumer.stream, "config": config})
    if "error" in answer:
        raise Transient(f"consumer {consumer.stream}/{consumer.name}: {answer['error'].get('description')}")
    return f"consumer {consumer.stream}/{consumer.name}{' (changed)' if there else ''}"


def _is_as(there: dict[str, Any], config: dict[str, Any]) -> bool:
    """Say whether the server has what is wanted; what is empty or off it leaves out of its answer."""
    return all((there.get(key) or None) == (value or None) for key, value in config.items())
