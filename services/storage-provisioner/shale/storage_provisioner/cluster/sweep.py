"""Volumes that nothing owns and nothing collects: one whose claim is gone goes too."""

import asyncio
import logging

from shale.contracts.errors import Transient
from shale.kube.resources import Missing
from shale.storage_provisioner.cluster import manifests
from shale.storage_provisioner.cluster.core import Anything, PersistentVolume, parsed
from shale.storage_provisioner.cluster.door import CLAIM, VOLUME, Cluster

EVERY = 600.0

log = logging.getLogger("shale.sweep")


async def sweep(cluster: Cluster) -> tuple[str, ...]:
    """Delete volumes of ours whose claim is not there; return their names. Raises Transient.

    A claim is made before its volume and goes with its version. What is left was made by a process that was paused
    while another one released all there was, and ended before it looked again.
    """
    gone: list[str] = []
    for tree in (await cluster.list(VOLUME, labels=f"{manifests.MANAGED}={manifests.SHALE},{manifests.UID}")).items:
        volume = parsed(tree, PersistentVolume)
        meta, claim = volume.metadata, volume.spec.claim_ref
        if meta.deletion_timestamp or not claim.uid:
            continue
        there = await cluster.get(CLAIM, claim.namespace, claim.name)
        if isinstance(there, Missing) or parsed(there, Anything).metadata.uid != claim.uid:
            await cluster.delete(VOLUME, "", meta.name, uid=meta.uid, resource_version=meta.resource_version)
            gone.append(meta.name)
    return tuple(gone)


async def sweeping(cluster: Cluster) -> None:
    """Sweep at the start and ever after; never ends."""
    while True:
        try:
            if gone := await sweep(cluster):
                log.info("swept", extra={"volumes": list(gone)})
        except Transient as error:
            log.warning("not swept", extra={"error": str(error)})
        await asyncio.sleep(EVERY)
