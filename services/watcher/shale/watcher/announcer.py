"""Announce's loop: each object that changed is taken to where the bus has heard of it, and its Model's status after it.

One entry per object, the newest only, kept until its step is through; retried with back-off, at most 2 s (events.md).
"""

import asyncio
import datetime as dt
import logging
from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.contracts.facts import Gone
from shale.contracts.resources import FINALIZER, KINDS, Model, ModelVersion, Object
from shale.kube.resources import Changed, Deleted, Invalid, Missing, Obscured, Resources, Unreadable
from shale.kube.watch import Interrupted, Synced, changes
from shale.runtime.plane import Plane
from shale.runtime.telemetry import unreadable
from shale.watcher.announce import AddFinalizer, about, announce
from shale.watcher.catalogue import catalogue, waits_for

LONGEST = 2.0
HANDS = 8
"""Objects that are announced at a time."""

log = logging.getLogger("shale.announce")

Key = tuple[str, str, str]
"""Kind, namespace, name; the kind `catalogue` stands for a Model's status, `census` for who of a kind is not there."""


class Census(Protocol):
    """Who was declared, whether or not anyone is still there."""

    async def declared(self, kind: str) -> Iterable[About]:
        """Return whoever has a `Declared` of this kind."""
        ...


class Announcer:
    """What the watcher knows of all objects, and what it still has to tell."""

    def __init__(self, resources: Resources, plane: Plane, census: Census) -> None:
        self.resources, self.plane, self.census = resources, plane, census
        self.objects: dict[Key, Object] = {}
        self.versions: dict[Key, dict[Key, ModelVersion]] = {}
        """Of each catalogue, the versions that count."""
        self.gone: dict[str, About] = {}
        self._dirty: OrderedDict[Key | str, float] = OrderedDict()
        self._told: dict[str, tuple[int, bool]] = {}
        self._listed: set[str] = set()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Watch all kinds and tell what is to be told, without end; each time from what is there then.

        Who leads again after another did knows of objects that are gone by now.
        """
        for memory in (self.objects, self.versions, self.gone, self._dirty, self._told, self._listed):
            memory.clear()
        async with asyncio.TaskGroup() as group:
            for kind in KINDS:
                group.create_task(self._follow(kind))
            for _ in range(HANDS):
                group.create_task(self._work())

    def tell_again(self) -> None:
        """Forget what was told: everything is said once more, and refused where it is known."""
        self._told.clear()
        for key in (*self.objects, *(_census(kind) for kind in self._listed)):
            self._mark(key)

    async def _follow(self, kind: str) -> None:
        async for told in changes(self.resources, KINDS[kind]):
            match told:
                case Changed(obj):
                    self._changed(obj)
                case Deleted(obj):
                    self._deleted(obj)
                case Synced(_, _, odd):
                    self._synced(kind, odd)
                case Obscured(one, deleted):
                    self._obscured(one, deleted=deleted)
                case Interrupted(message, again_in):
                    log.warning("watch interrupted", extra={"kind": kind, "error": message, "again_in": again_in})

    def _synced(self, kind: str, odd: tuple[Unreadable, ...]) -> None:
        unreadable(kind, len(odd))
        self._listed.add(kind)
        self._mark(_census(kind))
        for one in odd:
            self._obscured(one)
        for key in [_catalogue(obj) for obj in self.objects.values() if isinstance(obj, Model)]:
            self._mark(key)

    def _changed(self, obj: Object) -> None:
        self.objects[_key(obj)] = obj
        if isinstance(obj, ModelVersion):
            self.versions.setdefault(_catalogue(obj), {})[_key(obj)] = obj
        self._mark(_key(obj))
        self._mark(_catalogue(obj))

    def _deleted(self, obj: Object) -> None:
        self.objects.pop(_key(obj), None)
        if isinstance(obj, ModelVersion):
            self._unlist(obj)
        self._told.pop(obj.metadata.uid, None)
        self._gone(about(obj))
        self._mark(_catalogue(obj))

    def _obscured(self, one: Unreadable, *, deleted: bool = False) -> None:
        """Of what cannot be read only its end is told: who holds something of it must undo that all the same."""
        if one.metadata.uid and (deleted or one.metadata.deletion_timestamp):
            known = self.objects.get(_key(one))
            if known is not None and known.metadata.uid == one.metadata.uid:
                self._deleted(known)
            self._gone(about(one))

    def _unlist(self, version: ModelVersion) -> None:
        listed = self.versions.get(_catalogue(version), {})
        listed.pop(_key(version), None)
        if not listed:
            self.versions.pop(_catalogue(version), None)

    async def _miss(self, kind: str) -> None:
        """After a list: who was declared and is not there is gone, whoever took its finalizer."""
        there = {obj.metadata.uid for obj in self.objects.values()}
        for one in await self.census.declared(kind):
            if one.uid not in there and not await self._is_there(one):
                self._gone(one)

    async def _is_there(self, one: About) -> bool:
        """Ask again: what was listed before the census is older than it, for who slept in between by a whole life.

        What nobody can read is there; where even its uid is not known it may be anybody.
        """
        obj = await self.resources.get(KINDS[one.kind], one.namespace, one.name)
        if isinstance(obj, Missing):
            return obj.unreadable is not None and obj.unreadable.metadata.uid in ("", one.uid)
        return obj.metadata.uid == one.uid

    def _gone(self, one: About) -> None:
        self.gone[one.uid] = one
        self._mark(one.uid)

    def _mark(self, key: Key | str) -> None:
        self._dirty[key] = 0.0
        self._wake.set()

    async def _work(self) -> None:
        while True:
            if not self._dirty:
                self._wake.clear()
                await self._wake.wait()
                continue
            key, delay = self._dirty.popitem(last=False)
            try:
                await self._tell(key)
            except Transient as error:
                again = min(LONGEST, max(0.1, delay * 2))
                log.warning("not told yet", extra={"key": str(key), "error": str(error), "again_in": again})
                await asyncio.sleep(again)
                self._dirty.setdefault(key, again)
                self._wake.set()
            except ValueError:  # one odd object must not end the watcher of all others, at each start again
                log.exception("cannot be told", extra={"key": str(key)})

    async def _tell(self, key: Key | str) -> None:
        if isinstance(key, str):
            if (one := self.gone.get(key)) is not None:
                await self.plane.say(Gone(one))
                self.gone.pop(key, None)
        elif key[0] == "catalogue":
            await self._fold(key)
        elif key[0] == "census":
            await self._miss(key[1])
        elif (obj := self.objects.get(key)) is not None:
            await self._announce(obj)

    async def _announce(self, obj: Object) -> None:
        """Say what is to be said of an object, once per generation; its own change brings the next step."""
        match announce(obj, await self._model(obj)):
            case AddFinalizer(finalizers, given):
                owners, notes = (given.owner_references, given.annotations) if given else (None, None)
                done = await self.resources.edit_metadata(
                    obj, finalizers=finalizers, owner_references=owners, annotations=notes
                )
                if isinstance(done, Invalid):
                    log.error("finalizer refused", extra={"about": str(about(obj)), "error": done.message})
            case fact:
                said = (fact.about.generation, isinstance(fact, Gone))
                if self._told.get(obj.metadata.uid) != said:
                    await self.plane.say(fact)
                    if _key(obj) in self.objects:
                        self._told[obj.metadata.uid] = said

    async def _model(self, obj: Object) -> Model | None:
        """Return the Model of a version that is not held yet, asked for now.

        The cache may hold one that is gone, and whoever is given to that is collected.
        """
        if not isinstance(obj, ModelVersion) or FINALIZER in obj.metadata.finalizers:
            return None
        if ("model", obj.metadata.namespace, obj.spec.model_name) not in self.objects:
            return None
        model = await self.resources.get(KINDS["model"], obj.metadata.namespace, obj.spec.model_name)
        return model if isinstance(model, Model) else None

    async def _fold(self, key: Key) -> None:
        """Write a Model's status as its versions in the cache have it.

        Another writer's change comes back as a change. Before every kind was listed none is written: of a Model with a
        thousand versions it would say for a while that it has none, and no latest.
        """
        if not self._listed >= KINDS.keys():
            return
        _, namespace, name = key
        model = self.objects.get(("model", namespace, name))
        if not isinstance(model, Model) or (model.metadata.deletion_timestamp and not waits_for(model)):
            return
        now = dt.datetime.fromtimestamp(self.plane.now(), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = catalogue(model, self.versions.get(key, {}).values(), now)
        if status != model.status and isinstance(said := await self.resources.apply_status(model, status), Invalid):
            log.error("status refused", extra={"about": str(about(model)), "error": said.message})


def _key(obj: Object | Unreadable) -> Key:
    return obj.kind.lower(), obj.metadata.namespace, obj.metadata.name


def _census(kind: str) -> Key:
    return "census", kind, ""


def _catalogue(obj: Object) -> Key:
    name = obj.spec.model_name if isinstance(obj, ModelVersion) else obj.metadata.name
    return "catalogue", obj.metadata.namespace, name
