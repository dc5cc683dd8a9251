"""Volumes that nothing owns and nothing collects: one whose claim is gone goes too."""

import asyncio
import logging

from shale.contracts.errors import Transient
from shale.kube.resources import Missing
from shale.storage_provisioner.cluster import manifests
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
        meta, claim = tree["metadata"], tree["spec"].get("claimRef") or {}
        if meta.get("deletionTimestamp") or not claim.get("uid"):
            continue
        there = await cluster.get(CLAIM, claim.get("namespace", ""), claim.get("name", ""))
        if isinstance(there, Missing) or there["metadata"]["uid"] != claim["uid"]:
            await cluster.delete(VOLUME, "", meta["name"], uid=meta["uid"], resource_version=meta["resourceVersion"])
            gone.append(meta["name"])
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
