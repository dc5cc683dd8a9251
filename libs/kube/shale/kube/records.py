"""Records in the bucket: read, compare and swap, and end. Knows keys and revisions, and nothing of rules."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec

from shale.contracts.resources import Kind, Object
from shale.kube.bucket import Bucket
from shale.kube.names import is_label
from shale.kube.record import Record, decode, encode, to_object

REMEMBERED = 3600.0
"""Seconds for which a removed object can be told to a watch: removing is one write, with no second step to lose."""
TRIES = 16
"""Rounds of compare and swap before giving way."""


class Held(msgspec.Struct, frozen=True):
    """A record as it was read, and at which revision of the bucket."""

    kind: Kind
    record: Record
    revision: int

    @property
    def object(self) -> Object:
        """The typed object."""
        return to_object(self.kind, self.record, self.revision)


class Records:
    """The records of one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def get(self, kind: Kind, namespace: str, name: str) -> Held | None:
        """Return the record, or None; what is no name is not there."""
        held = await self._last(kind, namespace, name)
        return None if held is None or held.record.gone else held

    async def all(self, kind: Kind, namespace: str | None = None) -> tuple[list[Held], int]:
        """Return all records of a kind, and a revision from which a watch misses nothing."""
        prefix = kind.word if namespace is None else f"{kind.word}.{namespace}"
        if namespace is not None and not is_label(namespace):
            return [], 0
        entries, revision = await self._bucket.list(prefix)
        held = [Held(kind, decode(entry.key, entry.value), entry.revision) for entry in entries]
        return [one for one in held if not one.record.gone], revision

    async def create(self, kind: Kind, record: Record) -> Held | None:
        """Write a record that is not there yet; None: it is there. What is gone makes room."""
        key = _key(kind, record.metadata.namespace, record.metadata.name)
        last = await self._last(kind, record.metadata.namespace, record.metadata.name)
        if last is None:
            revision = await self._bucket.create(key, encode(record))
        else:
            revision = await self._bucket.update(key, encode(record), last.revision) if last.record.gone else None
        return None if revision is None else Held(kind, record, revision)

    async def replace(self, held: Held, record: Record) -> Held | None:
        """Write over what was read; None: somebody was faster. The same record again writes nothing."""
        if record == held.record:
            return held
        key = _key(held.kind, held.record.metadata.namespace, held.record.metadata.name)
        ttl = REMEMBERED if record.gone else None
        revision = await self._bucket.update(key, encode(record), held.revision, ttl)
        return None if revision is None else Held(held.kind, record, revision)

    async def edit(self, held: Held, change: Callable[[Record], Record]) -> Held | None:
        """Change what is there now of the same uid; None: it is gone, or too many were faster."""
        now: Held | None = held
        for _ in range(TRIES):
            if now is None or now.record.metadata.uid != held.record.metadata.uid:
                return None
            if written := await self.replace(now, change(now.record)):
                return written
            now = await self.get(held.kind, held.record.metadata.namespace, held.record.metadata.name)
        return None

    async def watch(self, kind: Kind, after: int) -> AsyncGenerator[Held]:
        """Yield every record of a kind that is written after a revision, the last one of an object with `gone`."""
        async with aclosing(self._bucket.watch(kind.word, after)) as entries:
            async for entry in entries:
                if not entry.deleted:
                    yield Held(kind, decode(entry.key, entry.value), entry.revision)

    async def _last(self, kind: Kind, namespace: str, name: str) -> Held | None:
        if not (is_label(namespace) and is_label(name)):
            return None
        entry = await self._bucket.get(_key(kind, namespace, name))
        return None if entry is None else Held(kind, decode(entry.key, entry.value), entry.revision)


def _key(kind: Kind, namespace: str, name: str) -> str:
    return f"{kind.word}.{namespace}.{name}"
