"""Resources without a cluster: an API server's semantics on a bucket that is handed in."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from shale.contracts.resources import Kind, Object, Status
from shale.contracts.resources.meta import OwnerReference
from shale.kube import edits, manifests, validation
from shale.kube.bucket import Bucket
from shale.kube.collect import Collector
from shale.kube.manifests import Manifest
from shale.kube.record import Record, kind_of, manifest, plain, to_object
from shale.kube.records import TRIES, Held, Odd, Records
from shale.kube.resources import (
    Cascade,
    Change,
    Changed,
    Conflict,
    Deleted,
    Invalid,
    Listing,
    Missing,
    Removed,
    Unreadable,
)


def utc_now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


def new_uid() -> str:
    """Return a uid that no object ever had."""
    return str(uuid4())


class EmbeddedResources:
    """The door to resources on a bucket. What a crash leaves of a deletion, `delete` or `collect` finishes."""

    def __init__(
        self, bucket: Bucket, clock: Callable[[], datetime] = utc_now, make_uid: Callable[[], str] = new_uid
    ) -> None:
        self._records = Records(bucket)
        self._clock = clock
        self._make_uid = make_uid
        self._collector = Collector(self._records, self._now)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | Missing:
        """Return the object as it stands."""
        found = await self._records.find(kind, namespace, name)
        if isinstance(found, Odd):
            return Missing(found.unreadable.message, unreadable=found.unreadable)
        return found.object if found else _missing(kind, namespace, name)

    async def list(self, kind: Kind, namespace: str | None = None) -> Listing:
        """Return all objects of a kind, ordered by namespace and name."""
        found, revision = await self._records.survey(kind, namespace)
        held = (one.object for one in found if isinstance(one, Held))
        ordered = sorted(held, key=lambda obj: (obj.metadata.namespace, obj.metadata.name))
        return Listing(tuple(ordered), str(revision), tuple(one.unreadable for one in found if isinstance(one, Odd)))

    async def watch(self, kind: Kind, resource_version: str) -> AsyncGenerator[Change]:
        """Yield what changes after `resource_version`; an object that is gone is told for an hour."""
        async with aclosing(self._records.watch(kind, int(resource_version))) as changes:
            async for held in changes:
                yield Deleted(held.object) if held.record.gone else Changed(held.object)

    async def create(self, obj: Object) -> Object | Conflict | Invalid:
        """Make an object that is not there yet."""
        said = manifests.read(manifests.of(obj))
        if isinstance(said, Invalid):
            return said
        record = edits.born(said, self._make_uid(), self._now())
        problem = await _judge(said.kind, record, None)
        return problem or await self._write_new(said.kind, record)

    async def apply(
        self, manifest: Mapping[str, object], manager: str, *, dry_run: bool = False
    ) -> Object | Conflict | Invalid:
        """Create or change spec, labels and annotations as `manager` wants them."""
        said = manifests.read(manifest)
        if isinstance(said, Invalid):
            return said
        for _ in range(TRIES):
            held = await self._records.find(said.kind, said.metadata.namespace, said.metadata.name)
            if isinstance(held, Odd):
                return Invalid(held.unreadable.message)
            if problem := _precondition(said, held):
                return problem
            record = self._applied(said, held, manager)
            if problem := await _judge(said.kind, record, held):
                return problem
            if dry_run:
                return Held(said.kind, record, held.revision if held else 0).object
            if written := await self._write(held, said.kind, record):
                return written.object
        return Conflict(f"{_path(said)} is written by too many at once: try again")

    async def apply_status(self, obj: Object, status: Status) -> Object | Missing | Conflict | Invalid:
        """Replace the status of the very object that was read."""
        tree = plain(status)
        if found := await asyncio.to_thread(validation.status_complaints, kind_of(obj), tree):
            return Invalid("; ".join(found))
        held = await self._same(obj)
        if not isinstance(held, Held):
            return held
        return await self._swap(held, msgspec.structs.replace(held.record, status=tree))

    async def edit_metadata(
        self,
        obj: Object | Unreadable,
        *,
        finalizers: tuple[str, ...] | None = None,
        owner_references: tuple[OwnerReference, ...] | None = None,
        annotations: Mapping[str, str | None] | None = None,
    ) -> Object | Missing | Conflict | Invalid:
        """Replace finalizers or owners, or merge annotations, of the very object that was read."""
        held = await self._same(obj)
        if not isinstance(held, Held):
            return held
        record = edits.metadata(held.record, finalizers, owner_references, annotations)
        if isinstance(record, Invalid):
            return record
        written = await self._records.replace(held, record)
        if written is None:
            return _stale(obj)
        if record.deleting and not record.metadata.finalizers:
            await self._collector.settle(written)
        return written.object

    async def delete(
        self, kind: Kind, namespace: str, name: str, uid: str | None = None, cascade: Cascade = "background"
    ) -> Object | Removed | Missing | Conflict:
        """Delete an object; its dependents follow, go first or are let go."""
        held = await self._records.find(kind, namespace, name)
        if held is None:
            return _missing(kind, namespace, name)
        if isinstance(held, Odd):
            erased = uid is None and await self._records.erase(held)
            return Removed("") if erased else Conflict(held.unreadable.message)
        mine = held.record.metadata.uid
        if uid is not None and uid != mine:
            return Conflict(f"{kind.word} {namespace}/{name} is another object by now (uid {mine}): read it again")
        await self._collector.delete(held, cascade)
        left = await self._records.get(kind, namespace, name)
        return left.object if left is not None and left.record.metadata.uid == mine else Removed(mine)

    async def collect(self) -> int:
        """Delete what lost all its owners and finish what a crash left half deleted; return how many lost theirs."""
        return await self._collector.sweep()

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _applied(self, said: Manifest, held: Held | None, manager: str) -> Record:
        if held is None:
            return edits.applied(edits.born(said, self._make_uid(), self._now()), said, manager)
        return edits.applied(held.record, said, manager)

    async def _write(self, held: Held | None, kind: Kind, record: Record) -> Held | None:
        return await (self._records.create(kind, record) if held is None else self._records.replace(held, record))

    async def _write_new(self, kind: Kind, record: Record) -> Object | Conflict:
        written = await self._records.create(kind, record)
        metadata = record.metadata
        there = f"{kind.word} {metadata.namespace}/{metadata.name} is there already: use another name, or apply"
        return written.object if written else Conflict(there)

    async def _same(self, obj: Object | Unreadable) -> Held | Missing | Conflict:
        """Return what is held of the very object, at the very resourceVersion, that was read."""
        kind, metadata = kind_of(obj), obj.metadata
        held = await self._records.get(kind, metadata.namespace, metadata.name)
        if held is None or held.record.metadata.uid != metadata.uid:
            return _missing(kind, metadata.namespace, metadata.name)
        return held if str(held.revision) == metadata.resource_version else _stale(obj)

    async def _swap(self, held: Held, record: Record) -> Object | Conflict:
        written = await self._records.replace(held, record)
        return written.object if written else _stale(held.object)


async def _judge(kind: Kind, record: Record, held: Held | None) -> Invalid | None:
    old = manifest(kind, held.record) if held else None
    found = await asyncio.to_thread(validation.complaints, kind, manifest(kind, record), old)
    if found:
        return Invalid("; ".join(found))
    try:
        to_object(kind, record, 0)
    except msgspec.ValidationError as error:  # what nobody could read is not written, whatever the schema lets through
        return Invalid(f"{record.metadata.name} would not be readable: {error}")
    return None


def _precondition(said: Manifest, held: Held | None) -> Conflict | Invalid | None:
    """Refuse a manifest with a uid or resourceVersion that is not the object's: an absent object has none."""
    uid, version = (held.record.metadata.uid, str(held.revision)) if held else ("", "")
    if said.metadata.uid not in ("", uid) or said.metadata.resource_version not in ("", version):
        return Conflict(f"{_path(said)} is another object or changed since it was read: read it again")
    return edits.late(held.record, said.metadata.finalizers) if held else None


def _path(said: Manifest) -> str:
    return f"{said.kind.word} {said.metadata.namespace}/{said.metadata.name}"


def _missing(kind: Kind, namespace: str, name: str) -> Missing:
    return Missing(f"{kind.word} {namespace}/{name} is not there")


def _stale(obj: Object | Unreadable) -> Conflict:
    metadata = obj.metadata
    return Conflict(f"{obj.kind.lower()} {metadata.namespace}/{metadata.name} changed since it was read: read it again")
