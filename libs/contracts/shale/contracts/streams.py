"""Streams and buckets as data (events.md): `shale init` creates and upgrades them, services only bind."""

from typing import Literal

import msgspec

DAY = 86_400
GIB = 1 << 30
ALERT = 0.7
"""How full a stream may be before somebody is told: full, it refuses or drops."""


class Stream(msgspec.Struct, frozen=True):
    """One JetStream stream; ages in seconds, sizes in bytes, 0 for no age.

    `max_bytes` is what it asks for: on a server that has less it gets less, and no less than twice what it holds where
    it would refuse.
    """

    name: str
    subjects: tuple[str, ...] = ()
    retention: Literal["limits", "workqueue"] = "limits"
    discard: Literal["old", "new"] = "old"
    per_subject: int = -1
    """Messages kept per subject; with `discard="new"` a further one is refused."""
    max_age: int = 0
    max_bytes: int = -1
    ttl: bool = False
    schedules: bool = False
    sources: tuple[str, ...] = ()
    why: str = ""


class Bucket(msgspec.Struct, frozen=True):
    """One key-value bucket, without `limit_marker_ttl`.

    With it an expired lease cannot be taken at once (nats-findings 1.1).
    """

    name: str
    ttl: int = 0
    max_bytes: int = -1
    discard: Literal["old", "new"] = "new"
    """What happens when it is full: a write is refused, or the oldest entry goes (where it can be found out again)."""
    why: str = ""


FACTS = Stream(
    name="SHALE_FACTS",
    subjects=("shale.fact.>", "shale.gone.>"),
    discard="new",
    per_subject=1,
    max_bytes=4 * GIB,
    ttl=True,
    why="milestones: at most one per subject, for ever; the memory of the house, so it has no age",
)
NOW = Stream(
    name="SHALE_NOW",
    subjects=("shale.now.>",),
    per_subject=1,
    max_bytes=GIB,
    why="readings: the last one per subject",
)
JOBS = Stream(
    name="SHALE_JOBS",
    subjects=("shale.job.>",),
    retention="workqueue",
    discard="new",
    per_subject=1,
    max_bytes=GIB,
    why="work for exactly one worker; asking twice is refused, also while it is in a worker's hands",
)
TICKS = Stream(
    name="SHALE_TICKS",
    subjects=("shale.tick.>",),
    retention="workqueue",
    per_subject=1,
    max_bytes=GIB,
    schedules=True,
    ttl=True,
    why="wake me then: scheduled messages, re-arming replaces",
)
HISTORY = Stream(
    name="SHALE_HISTORY",
    max_age=14 * DAY,
    max_bytes=10 * GIB,
    sources=("SHALE_FACTS", "SHALE_NOW"),
    why="for outsiders: replay and backfill; never read by a service",
)
DEAD = Stream(
    name="SHALE_DEAD",
    subjects=("shale.dead.>",),
    max_age=30 * DAY,
    max_bytes=GIB,
    why="what was given up, with its payload and why",
)

STREAMS = (FACTS, NOW, JOBS, TICKS, DEAD, HISTORY)

CLAIM = Bucket(
    "shale-claim", max_bytes=GIB // 4, why="tags, leases and uploads in flight: a key is taken by who creates it"
)
OBJECTS = Bucket("shale-objects", max_bytes=GIB, why="embedded mode only: the resources themselves")
INDEX = Bucket(
    "shale-index",
    ttl=90 * DAY,
    max_bytes=GIB,
    discard="old",
    why="known by content: hints, found out again by reading; so the oldest make room, and each has an end",
)
"""Some 500,000 layers, with three entries of about 600 bytes each. It is never full for good: the oldest make room, and
what nobody learned anew for 90 days is probably of weights that nobody packs."""

BUCKETS = (CLAIM, OBJECTS, INDEX)


def stored() -> dict[str, str]:
    """Return the server's name of every stream, a bucket's too, by the name that people know."""
    return {stream.name: stream.name for stream in STREAMS} | {bucket.name: f"KV_{bucket.name}" for bucket in BUCKETS}


GONE_TTL = 30 * DAY
"""How long the end of a uid is remembered, in seconds: it blocks late holds."""
