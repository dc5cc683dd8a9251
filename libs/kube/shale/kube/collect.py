"""Deletion: finalizers hold, dependents follow their owner. Every step is found again from what lies in the bucket.

An object that is to go is first marked (`deletionTimestamp` is for ever, and no finalizer joins after it), then its
dependents go, then the object: who dies in between leaves a marked object, which the next `delete` or `sweep` takes on.
"""

from collections.abc import Callable

import msgspec

from shale.contracts.resources import GROUP, KINDS
from shale.contracts.resources.meta import OwnerReference
from shale.kube.record import Record
from shale.kube.records import Held, Odd, Records
from shale.kube.resources import Cascade

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_FINALIZER: dict[Cascade, tuple[str, ...]] = {"background": (), "foreground": (FOREGROUND,), "orphan": (ORPHAN,)}


class Collector:
    """Deletes, and collects what is left; `now` is the clock, RFC 3339."""

    def __init__(self, records: Records, now: Callable[[], str]) -> None:
        self._records = records
        self._now = now

    async def delete(self, held: Held, cascade: Cascade = "background") -> None:
        """Mark the object of that uid and take it as far as it goes now."""
        bare = cascade == "background" and not held.record.metadata.finalizers and not await self._dependents(held)
        if bare and await self._records.replace(held, _gone(held.record)) is not None:
            await self._bereave(held)
            return
        marked = await self._records.edit(held, lambda record: _mark(record, cascade, self._now()))
        if marked is not None:
            await self.settle(marked)

    async def settle(self, held: Held, above: frozenset[str] = frozenset()) -> None:
        """Take a deleting object as far as it goes: its dependents by its finalizers, then itself.

        `above` are the uids that are being settled already: owners may stand in a ring.
        """
        above |= {_uid(held)}
        finalizers = held.record.metadata.finalizers
        if ORPHAN in finalizers:
            for dependent in await self._dependents(held):
                await self._disown(dependent, held)
            await self._strip(held, ORPHAN)
        elif FOREGROUND in finalizers:
            await self._delete_dependents(held, above)
            if not any(_blocks(dependent, held) for dependent in await self._dependents(held)):
                await self._strip(held, FOREGROUND)
        elif not finalizers:
            await self._delete_dependents(held, above)
            if await self._records.edit(held, _gone) is not None:
                await self._bereave(held)

    async def sweep(self) -> int:
        """Take on what a crash left: deleting objects that nothing holds, and dependents of nobody. Return how many."""
        swept = 0
        for held in [one for kind in KINDS.values() for one in (await self._records.all(kind))[0]]:
            if held.record.deleting:
                await self.settle(held)
            elif await self._is_orphan(held):
                await self._doom(held)
                swept += 1
        return swept

    async def _strip(self, held: Held, finalizer: str) -> None:
        stripped = await self._records.edit(held, lambda record: _without(record, finalizer))
        if stripped is not None:
            await self.settle(stripped)

    async def _delete_dependents(self, owner: Held, above: frozenset[str]) -> None:
        for dependent in await self._dependents(owner):
            others = [ref for ref in dependent.record.metadata.owner_references if ref.uid != _uid(owner)]
            if any([await self._is_there(ref, dependent) for ref in others]):
                await self._disown(dependent, owner)
            elif _uid(dependent) not in above:
                await self._doom(dependent, above)

    async def _doom(self, dependent: Held, above: frozenset[str] = frozenset()) -> None:
        """Delete a dependent unless its owners are others by now: somebody may just be letting it go."""
        refs = dependent.record.metadata.owner_references

        def mark(record: Record) -> Record:
            return _mark(record, "background", self._now()) if record.metadata.owner_references == refs else record

        marked = await self._records.edit(dependent, mark)
        if marked is not None and marked.record.deleting:
            await self.settle(marked, above)

    async def _disown(self, dependent: Held, owner: Held) -> None:
        await self._records.edit(dependent, lambda record: _disowned(record, _uid(owner)))

    async def _dependents(self, owner: Held) -> list[Held]:
        namespace = owner.record.metadata.namespace
        everything = [one for kind in KINDS.values() for one in (await self._records.all(kind, namespace))[0]]
        return [
            one for one in everything if any(ref.uid == _uid(owner) for ref in one.record.metadata.owner_references)
        ]

    async def _bereave(self, gone: Held) -> None:
        """Wake the owners that wait for this one to be gone."""
        for ref in gone.record.metadata.owner_references:
            owner = await self._owner(ref, gone)
            if owner is not None and FOREGROUND in owner.record.metadata.finalizers:
                await self.settle(owner)

    async def _is_orphan(self, held: Held) -> bool:
        """Say whether all owners are gone. Each is looked up now: an owner is made before its dependents."""
        refs = held.record.metadata.owner_references
        return bool(refs) and not any([await self._is_there(ref, held) for ref in refs])

    async def _is_there(self, ref: OwnerReference, dependent: Held) -> bool:
        """Say whether an owner is there and stays; of what is not ours or unreadable nothing is known: it is there."""
        kind = KINDS.get(ref.kind.lower())
        if kind is None or not ref.api_version.startswith(f"{GROUP}/"):
            return True
        found = await self._records.find(kind, dependent.record.metadata.namespace, ref.name)
        return isinstance(found, Odd) or (found is not None and _uid(found) == ref.uid)

    async def _owner(self, ref: OwnerReference, dependent: Held) -> Held | None:
        kind = KINDS.get(ref.kind.lower())
        if kind is None:
            return None
        owner = await self._records.get(kind, dependent.record.metadata.namespace, ref.name)
        return owner if owner is not None and _uid(owner) == ref.uid else None


def _mark(record: Record, cascade: Cascade, now: str) -> Record:
    """Return the record as deleting; that raises the generation, as on an API server."""
    if record.deleting:
        return record
    metadata = record.metadata
    finalizers = (*metadata.finalizers, *(one for one in _FINALIZER[cascade] if one not in metadata.finalizers))
    return record.with_metadata(deletion_timestamp=now, generation=metadata.generation + 1, finalizers=finalizers)


def _gone(record: Record) -> Record:
    return msgspec.structs.replace(record, gone=True)


def _without(record: Record, finalizer: str) -> Record:
    return record.with_metadata(finalizers=tuple(one for one in record.metadata.finalizers if one != finalizer))


def _disowned(record: Record, uid: str) -> Record:
    return record.with_metadata(
        owner_references=tuple(ref for ref in record.metadata.owner_references if ref.uid != uid)
    )


def _blocks(dependent: Held, owner: Held) -> bool:
    refs = dependent.record.metadata.owner_references
    return any(ref.uid == _uid(owner) and ref.block_owner_deletion for ref in refs)


def _uid(held: Held) -> str:
    return held.record.metadata.uid
