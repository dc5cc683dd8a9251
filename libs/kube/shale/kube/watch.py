"""List, then watch, and list again whenever the watch cannot go on: levels for whoever announces or folds."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import msgspec

from shale.contracts.errors import Transient
from shale.contracts.resources import Kind, Object
from shale.kube.resources import Changed, Deleted, Expired, Listing, Obscured, Resources, Unreadable

CALM = 0.1
"""Seconds before the first new list."""
LONGEST = 2.0
"""Seconds at most: 3.2 s of back-off made an outage of the API server last 15 s (spike-findings, c)."""


class Synced(msgspec.Struct, frozen=True):
    """The list is through: every object there is was just told.

    `uids` are all of them; any other uid is gone, but for what lies there `unreadable`.
    """

    kind: Kind
    uids: frozenset[str]
    unreadable: tuple[Unreadable, ...] = ()


class Interrupted(msgspec.Struct, frozen=True):
    """The store cannot be watched just now; it is listed again in `again_in` seconds."""

    message: str
    again_in: float


Seen = dict[tuple[str, str], Object]
Told = Changed | Deleted | Obscured | Synced | Interrupted


async def changes(
    resources: Resources, kind: Kind, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncGenerator[Told]:
    """Yield how every object of `kind` stands, then `Synced`, then each change; after an interruption all over again.

    It never ends. A deletion that nobody told (it fell between two lists, or a namesake came first) is told here.
    """
    seen: Seen = {}
    delay = CALM
    while True:
        try:
            listing = await resources.list(kind)
            for told in _reconcile(seen, listing):
                yield told
            yield Synced(kind, frozenset(obj.metadata.uid for obj in listing.items), listing.unreadable)
            async with aclosing(_follow(resources, kind, listing.resource_version, seen)) as following:
                async for told in following:
                    delay = CALM  # not after the list: a watch that dies at once would have everything listed in a loop
                    yield told
            problem = f"the watch of {kind.plural} ended"
        except Transient as error:
            problem = str(error)
        yield Interrupted(problem, delay)
        await pause(delay)
        delay = min(2 * delay, LONGEST)


def _reconcile(seen: Seen, listing: Listing) -> list[Changed | Deleted | Obscured]:
    there = {(obj.metadata.namespace, obj.metadata.name): obj for obj in listing.items}
    unread = {(one.metadata.namespace, one.metadata.name): one for one in listing.unreadable}
    gone = [key for key, obj in seen.items() if key not in there and not _may_be(obj, unread.get(key))]
    vanished = [Deleted(seen.pop(key)) for key in gone]
    return [*vanished, *(told for obj in there.values() for told in _note(seen, Changed(obj)))]


async def _follow(
    resources: Resources, kind: Kind, version: str, seen: Seen
) -> AsyncGenerator[Changed | Deleted | Obscured]:
    async with aclosing(resources.watch(kind, version)) as watch:
        async for change in watch:
            if isinstance(change, Expired):
                return
            for told in _note(seen, change):
                yield told


def _may_be(obj: Object, one: Unreadable | None) -> bool:
    """Whether what cannot be read is that object."""
    return one is not None and one.metadata.uid in ("", obj.metadata.uid)


def _note(seen: Seen, change: Changed | Deleted | Obscured) -> tuple[Changed | Deleted | Obscured, ...]:
    """Keep how the object stands; a namesake in its place means that the one before is gone.

    What cannot be read any more goes on as it stood when it could, until it is gone.
    """
    key = change.object.metadata.namespace, change.object.metadata.name
    before = seen.get(key)
    stranger = before is not None and before.metadata.uid != change.object.metadata.uid
    match change:
        case Changed():
            seen[key] = change.object
            return (Deleted(before), change) if before is not None and stranger else (change,)
        case Obscured(one, deleted):
            if before is None or (_may_be(before, one) and not deleted):
                return (change,)
            seen.pop(key)
            return (Deleted(before),) if _may_be(before, one) else (Deleted(before), change)
        case Deleted():
            if not stranger:
                seen.pop(key, None)
            return (change,)
