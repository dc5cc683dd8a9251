"""Records in the bucket: read, compare and swap, and end. Knows keys and revisions, and nothing of rules."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec

from shale.contracts.resources import Kind, Object
from shale.contracts.resources.meta import Metadata
from shale.kube.bucket import Bucket, Entry
from shale.kube.names import is_label
from shale.kube.record import Record, decode, encode, to_object
from shale.kube.resources import Unreadable

REMEMBERED = 3600.0
"""Seconds for which a removed object can be told to a watch: removing is one write, with no second step to lose."""
TRIES = 16
"""Rounds of compare and swap before giving way."""
MOST_WHY = 512
"""Characters of a cause that are repeated."""

log = logging.getLogger("shale.kube")


class Held(msgspec.Struct, frozen=True):
    """A record as it was read, and at which revision of the bucket."""

    kind: Kind
    record: Record
    revision: int

    @property
    def object(self) -> Object:
        """The typed object."""
        return to_object(self.kind, self.record, self.revision)


class Odd(msgspec.Struct, frozen=True):
    """What lies under a key of the bucket and is no object of its kind, perhaps a newer release's."""

    kind: Kind
    key: str
    why: str
    revision: int

    @property
    def unreadable(self) -> Unreadable:
        """Say it to a person."""
        _, namespace, name = (*self.key.split(".", 2), "", "")[:3]
        what = f"{self.kind.word} {namespace}/{name}"
        said = f"{what} cannot be read ({self.why}): `shale delete` it, or update Shale"
        return Unreadable(self.kind.kind, Metadata(name=name, namespace=namespace), said)


class Records:
    """The records of one bucket. What is no record is skipped where many are read, and logged."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def get(self, kind: Kind, namespace: str, name: str) -> Held | None:
        """Return the record, or None; what is no name or cannot be read is not there."""
        found = await self.find(kind, namespace, name)
        return found if isinstance(found, Held) else None

    async def find(self, kind: Kind, namespace: str, name: str) -> Held | Odd | None:
        """Return the record, what lies in its place and is none, or None."""
        last = await self._last(kind, namespace, name)
        return None if isinstance(last, Held) and last.record.gone else last

    async def erase(self, odd: Odd) -> bool:
        """Delete what is no record; False: it was written to since."""
        return await self._bucket.delete(odd.key, odd.revision)

    async def all(self, kind: Kind, namespace: str | None = None) -> tuple[list[Held], int]:
        """Return all records of a kind, and a revision from which a watch misses nothing."""
        found, revision = await self.survey(kind, namespace)
        return [one for one in found if isinstance(one, Held)], revision

    async def survey(self, kind: Kind, namespace: str | None = None) -> tuple[list[Held | Odd], int]:
        """Return what `all` does, and what is no record."""
        prefix = kind.word if namespace is None else f"{kind.word}.{namespace}"
        if namespace is not None and not is_label(namespace):
            return [], 0
        entries, revision = await self._bucket.list(prefix)
        found = [_read(kind, entry) for entry in entries]
        return [one for one in found if isinstance(one, Odd) or not one.record.gone], revision

    async def create(self, kind: Kind, record: Record) -> Held | None:
        """Write a record that is not there yet; None: it is there. What is gone makes room."""
        key = _key(kind, record.metadata.namespace, record.metadata.name)
        last = await self._last(kind, record.metadata.namespace, record.metadata.name)
        if isinstance(last, Odd):
            return None
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
                if not entry.deleted and isinstance(found := _read(kind, entry), Held):
                    yield found

    async def _last(self, kind: Kind, namespace: str, name: str) -> Held | Odd | None:
        if not (is_label(namespace) and is_label(name)):
            return None
        entry = await self._bucket.get(_key(kind, namespace, name))
        return None if entry is None else _read(kind, entry)


def _read(kind: Kind, entry: Entry) -> Held | Odd:
    try:
        return Held(kind, decode(kind, entry.key, entry.value), entry.revision)
    except ValueError as error:
        why = " ".join(str(error).split())[:MOST_WHY]
        log.warning("unreadable", extra={"key": entry.key, "error": why})
        return Odd(kind, entry.key, why, entry.revision)


def _key(kind: Kind, namespace: str, name: str) -> str:
    return f"{kind.word}.{namespace}.{name}"
