"""A Pod's volumes as folders of this machine."""

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from shale.contracts.errors import Transient
from shale.kube.client import Client
from shale.kube.gvk import Gvk
from shale.kube.resources import Missing
from shale.testkit.kubelet.machine import Machine, Node, NoMountError, of_volume

Tree = dict[str, Any]
T = TypeVar("T")

TURN = 0.2
"""Seconds between two looks at what is not there yet."""
CLAIM, VOLUME = Gvk("v1", "PersistentVolumeClaim"), Gvk("v1", "PersistentVolume")
MAP, SECRET = Gvk("v1", "ConfigMap"), Gvk("v1", "Secret")


class Mounting:
    """The volumes of one Pod; `folder` holds those that are only its own."""

    def __init__(self, client: Client, machine: Machine, folder: Path, namespace: str) -> None:
        self._client, self._machine, self._folder, self._namespace = client, machine, folder, namespace

    async def mount(self, volume: Tree, node: Node) -> Path:
        """Return the folder of one volume. Raises NoMountError."""
        name = str(volume["name"])
        if claim := volume.get("persistentVolumeClaim"):
            found = await self.volume(claim["claimName"])
            if found is None:
                raise NoMountError(f"claim {claim['claimName']} is not bound")
            return of_volume(found, node, self._machine)
        if host := volume.get("hostPath"):
            return of_volume({"metadata": {"name": name}, "spec": {"hostPath": host}}, node, self._machine)
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        if config := volume.get("configMap"):
            await self._written(MAP, config["name"], folder)
        if secret := volume.get("secret"):
            await self._written(SECRET, secret["secretName"], folder)
        return folder

    async def volume(self, claim_name: str) -> Tree | None:
        """Return the volume that a claim is bound to; None: to none yet."""
        claim = await patiently(lambda: self._client.get(CLAIM, self._namespace, claim_name))
        if isinstance(claim, Missing):
            return None
        if claim.get("status", {}).get("phase") != "Bound":
            return await self._bound(claim) if self._machine.binds else None
        volume = await patiently(lambda: self._client.get(VOLUME, "", claim["spec"]["volumeName"]))
        return None if isinstance(volume, Missing) else volume

    async def _bound(self, claim: Tree) -> Tree | None:
        """Bind a claim to the volume that is for it, where no controller does."""
        uid = claim["metadata"]["uid"]
        volumes = (await patiently(lambda: self._client.list(VOLUME))).items
        meant = next((one for one in volumes if one["spec"].get("claimRef", {}).get("uid") == uid), None)
        if meant is None:
            return None
        same = {"name": claim["metadata"]["name"], "namespace": self._namespace}
        head = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": same}
        spec, bound = {"volumeName": meant["metadata"]["name"]}, {"phase": "Bound"}
        await patiently(lambda: self._client.apply({**head, "spec": spec}))
        await patiently(lambda: self._client.apply({**head, "status": bound}, subresource="status"))
        return meant

    async def _written(self, gvk: Gvk, name: str, folder: Path) -> None:
        found = await patiently(lambda: self._client.get(gvk, self._namespace, name))
        if isinstance(found, Missing):
            raise NoMountError(found.message)
        for key, value in found.get("data", {}).items():
            (folder / key).write_bytes(b64decode(value) if gvk == SECRET else value.encode())


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Ask until the API server answers: a kubelet outlives it."""
    while True:
        try:
            return await call()
        except Transient:
            await asyncio.sleep(TURN)
