"""What is there of one version in a cluster."""

from typing import Any

import msgspec

from shale.contracts.about import About
from shale.kube.gvk import Gvk
from shale.kube.resources import Missing
from shale.sources.reader.wire import Address
from shale.storage_provisioner.cluster import manifests, pods
from shale.storage_provisioner.cluster.core import Anything, Event, PersistentVolumeClaim, Pod, parsed
from shale.storage_provisioner.cluster.door import CLAIM, EVENT, POD, SERVICE, VOLUME, Cluster
from shale.storage_provisioner.cluster.place import Place
from shale.storage_provisioner.cluster.seen import Claim, Reader, Seen, Thing, claim_of, thing_of

Tree = dict[str, Any]


async def look(cluster: Cluster, seen: Seen, port: int) -> Seen:
    """Return `seen` with all that is there now. Raises Transient."""
    about = seen.about
    namespace, reader = about.namespace, manifests.reader_name(about)
    claim = await _claim(cluster, seen)
    volume = await cluster.get(VOLUME, "", manifests.volume_name(about))
    service = await cluster.get(SERVICE, namespace, reader)
    before = _words(service)
    return msgspec.structs.replace(
        seen,
        claim=claim,
        volume=_there(volume, about),
        service=_there(service, about),
        before=before,
        reader=await _reader(cluster, await cluster.get(POD, namespace, reader), seen, before),
        strays=await _strays(cluster, about, reader) if about.generation > 1 or seen.over else (),
        uri=uri_of(about, claim, port),
    )


def uri_of(about: About, claim: Claim | None, port: int) -> str:
    """Return where the reader of a claim answers; empty without one."""
    if claim is None:
        return ""
    return Address(f"{manifests.reader_name(about)}.{about.namespace}.svc", port, claim.thing.uid, about.generation).uri


async def whole(cluster: Cluster, about: About) -> tuple[Thing, ...]:
    """Return everything of ours that is there of a version, whatever its generation, in the order in which it goes."""
    found: list[Thing] = []
    for gvk in (POD, SERVICE, CLAIM):
        listed = await cluster.list(gvk, about.namespace, manifests.selector(about))
        found += [_thing(tree, about) for tree in listed.items]
    volume = _there(await cluster.get(VOLUME, "", manifests.volume_name(about)), about)
    return tuple(one for one in (*found, volume) if one is not None and one.ours)


async def _claim(cluster: Cluster, seen: Seen) -> Claim | None:
    """Return the claim that is read; one that a user's spec names is nobody's but theirs."""
    theirs = seen.place.claim if isinstance(seen.place, Place) else ""
    found = await cluster.get(CLAIM, seen.about.namespace, theirs or manifests.volume_name(seen.about))
    if isinstance(found, Missing):
        return None
    claim = claim_of(parsed(found, PersistentVolumeClaim), seen.about)
    if claim.bound or seen.over:
        return claim
    told = await _told(cluster, claim.thing)
    return msgspec.structs.replace(claim, why=(told[-1].message or "")[: pods.LONGEST] if told else "")


async def _reader(cluster: Cluster, found: Tree | Missing, seen: Seen, before: str) -> Reader | None:
    if isinstance(found, Missing):
        return None
    thing, pod = _thing(found, seen.about), parsed(found, Pod)
    events = await _told(cluster, thing) if pod.status.phase == "Pending" and not seen.over else ()
    return Reader(thing, pods.state(pod, events, before, seen.now), pod.metadata.annotations.get(manifests.PROOF, ""))


async def _told(cluster: Cluster, thing: Thing) -> tuple[Event, ...]:
    """Return what the cluster says of an object, the oldest first: Events are where its parts say why they wait."""
    listed = await cluster.list(EVENT, thing.namespace, fields=f"involvedObject.uid={thing.uid}")
    return tuple(sorted((parsed(tree, Event) for tree in listed.items), key=lambda event: event.when))


async def _strays(cluster: Cluster, about: About, reader: str) -> tuple[Thing, ...]:
    found: list[Thing] = []
    for gvk in (POD, SERVICE):
        listed = await cluster.list(gvk, about.namespace, manifests.selector(about))
        found += [_thing(tree, about) for tree in listed.items]
    return tuple(one for one in found if one.name != reader)


def _there(found: Tree | Missing, about: About) -> Thing | None:
    return None if isinstance(found, Missing) else _thing(found, about)


def _thing(tree: Tree, about: About) -> Thing:
    one = parsed(tree, Anything)
    return thing_of(one.kind, one.metadata, about)


def _words(service: Tree | Missing) -> str:
    return (
        ""
        if isinstance(service, Missing)
        else parsed(service, Anything).metadata.annotations.get(manifests.LAST_END, "")
    )


KINDS: dict[str, Gvk] = {gvk.kind: gvk for gvk in (CLAIM, VOLUME, SERVICE, POD)}
