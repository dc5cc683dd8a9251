"""What was told, in order: SHALE_HISTORY, for people and other outsiders. No service reads it (events.md)."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

import msgspec
from nats.aio.msg import Msg

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.envelope import unwrap
from shale.contracts.facts import Fact, Gone
from shale.runtime.bus import scan
from shale.runtime.bus.connection import Bus

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
    rest = f"{kind or '*'}.{subjects.token(namespace) if namespace else '*'}.>"
    filters = [f"shale.fact.{rest}", f"shale.now.{rest}", subjects.heard("", Gone)]
    async with aclosing(_decoded(bus, filters, follow=follow)) as found:
        async for one in found:
            if _wanted(one.fact, kind, namespace):
                yield one


async def milestones(bus: Bus, about: About) -> AsyncGenerator[Told]:
    """Yield the milestones of one object, of every generation, the oldest first; those that were purged too.

    Without a uid: of every object that had that name. Raises Transient.
    """
    uid = subjects.token(about.uid) if about.uid else "*"
    name = ".".join(subjects.token(one) for one in (about.kind, about.namespace, about.name))
    filters = [f"shale.fact.{name}.{uid}.>", subjects.of_gone(about.uid) if about.uid else subjects.heard("", Gone)]
    async with aclosing(_decoded(bus, filters)) as found:
        async for one in found:
            if _named(one.fact.about) == _named(about):
                yield one


def _named(about: About) -> tuple[str, str, str]:
    return about.kind, about.namespace, about.name


def _wanted(fact: Fact, kind: str, namespace: str) -> bool:
    """Say whether a fact is asked for: `Gone` has neither kind nor namespace in its subject."""
    return fact.about.kind == (kind or fact.about.kind) and fact.about.namespace == (namespace or fact.about.namespace)


async def _decoded(bus: Bus, filters: Sequence[str], *, follow: bool = False) -> AsyncGenerator[Told]:
    async with aclosing(scan.messages(bus, streams.HISTORY.name, filters, follow=follow)) as found:
        async for message in found:
            if (one := _decode(message)) is not None:
                yield one


def _decode(message: Msg) -> Told | None:
    try:
        envelope, fact = unwrap(message.data)
    except ValueError as error:
        log.warning("undecodable", extra={"subject": message.subject, "error": str(error)})
        return None
    sequence = message.metadata.sequence.stream
    return None if fact is None else Told(envelope.time, envelope.source, sequence, cast("Fact", fact))
