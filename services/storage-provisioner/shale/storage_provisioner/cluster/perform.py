"""What storage-provisioner changes in a cluster: one object at a time, made or deleted as it was read."""

from collections.abc import Iterable
from typing import Any

import msgspec

from shale.kube.resources import Invalid, Missing
from shale.sources.reader import wire
from shale.storage_provisioner.cluster import manifests
from shale.storage_provisioner.cluster.core import Anything, parsed
from shale.storage_provisioner.cluster.door import CLAIM, Cluster
from shale.storage_provisioner.cluster.look import KINDS, look
from shale.storage_provisioner.cluster.manifests import Image, Reading
from shale.storage_provisioner.cluster.place import Place
from shale.storage_provisioner.cluster.seen import (
    Adopt,
    Effect,
    MakeClaim,
    MakeReader,
    MakeService,
    MakeVolume,
    Replace,
    Seen,
    TakeDown,
    Thing,
)

Tree = dict[str, Any]


class Hands:
    """What it takes to make readers: the cluster, their image, and the pool's key, of which each is told a proof."""

    def __init__(self, cluster: Cluster, image: Image, key: bytes) -> None:
        self.cluster, self.image, self._key = cluster, image, key

    async def look(self, seen: Seen) -> Seen:
        """Return what is there now."""
        seen = await look(self.cluster, seen, self.image.port)
        claim = seen.claim.thing.uid if seen.claim else ""
        return msgspec.structs.replace(seen, proof=self._proof(seen, claim))

    async def perform(self, effect: Effect, seen: Seen) -> Seen:
        """Change one thing and return what is there then. Raises Transient."""
        refused = await self._do(effect, seen)
        return msgspec.structs.replace(await self.look(seen), refused=refused)

    async def _do(self, effect: Effect, seen: Seen) -> str:
        about, place = seen.about, seen.place
        match effect, place:
            case MakeClaim(), _:
                return await self._make(manifests.claim(about))
            case MakeVolume(claim), Place():
                return await self._make_volume(seen, place, claim)
            case MakeService(), _:
                return await self._make(manifests.service(about, self.image))
            case MakeReader(claim, patience), Place():
                return await self._make(manifests.pod(about, place, self.image, self._reading(seen, claim, patience)))
            case Replace(reader, words), _:
                return await self._replace(seen, reader, words)
            case Adopt(thing), _:
                return await self._applied(_adopted(thing, seen))
            case TakeDown(things), _:
                await self.take_down(things, exactly=True)
                return ""
            case _:
                raise TypeError(f"{effect!r} needs a place, not {place!r}")

    def _reading(self, seen: Seen, claim: str, patience: int) -> Reading:
        """Return what a reader is told: of its token no more than a proof, for many may read its Pod."""
        name = seen.claim.thing.name if seen.claim else ""
        return Reading(uri=seen.uri, proof=self._proof(seen, claim), claim=name, patience=patience)

    def _proof(self, seen: Seen, claim: str) -> str:
        return wire.proof(wire.token(self._key, claim, seen.about.generation))

    async def _make(self, manifest: Tree) -> str:
        """Create; what is there already is looked at again, whosever it is. Return why it is not taken."""
        made = await self.cluster.create(manifest)
        return made.message if isinstance(made, Invalid | Missing) else ""

    async def _make_volume(self, seen: Seen, place: Place, claim: str) -> str:
        """Create the volume, which nothing collects; without its claim it goes at once: the version ended meanwhile."""
        refused = await self._make(manifests.volume(seen.about, place, claim))
        there = await self.cluster.get(CLAIM, seen.about.namespace, manifests.volume_name(seen.about))
        if isinstance(there, Missing) or parsed(there, Anything).metadata.uid != claim:
            after = await self.look(seen)
            if after.volume is not None and after.volume.ours:
                await self.take_down((after.volume,), exactly=True)
        return refused

    async def _replace(self, seen: Seen, reader: Thing, words: str) -> str:
        if seen.service is not None:
            refused = await self._applied(manifests.last_words(seen.about, seen.service.uid, words))
            if refused:
                return refused
        await self.take_down((reader,))
        return ""

    async def _applied(self, manifest: Tree) -> str:
        applied = await self.cluster.apply(manifest)
        return applied.message if isinstance(applied, Invalid) else ""

    async def take_down(self, things: Iterable[Thing], *, exactly: bool = False) -> None:
        """Delete these very objects. `exactly`: a volume or claim that changed since, a newer wish may have adopted."""
        for one in things:  # whatever the answer is, who comes next looks again
            adoptable = exactly and one.kind in {"PersistentVolume", "PersistentVolumeClaim"}
            version = one.version if adoptable else ""
            await self.cluster.delete(KINDS[one.kind], one.namespace, one.name, uid=one.uid, resource_version=version)


def _adopted(thing: Thing, seen: Seen) -> Tree:
    meta: Tree = {"name": thing.name, "uid": thing.uid, "resourceVersion": thing.version}
    if thing.namespace:
        meta["namespace"] = thing.namespace
    return {"apiVersion": "v1", "kind": thing.kind, "metadata": {**meta, "labels": manifests.labels(seen.about)}}
