"""What storage-provisioner asks of an API server: `shale.kube.client` is one, and so is what tests play."""

from collections.abc import Mapping
from typing import Any, Protocol

from shale.kube.gvk import Gvk
from shale.kube.resources import Conflict, Invalid, Missing, Removed
from shale.kube.trees import Trees

Tree = dict[str, Any]

CLAIM, VOLUME = Gvk("v1", "PersistentVolumeClaim"), Gvk("v1", "PersistentVolume")
SERVICE, POD, EVENT = Gvk("v1", "Service"), Gvk("v1", "Pod"), Gvk("v1", "Event")


class Cluster(Protocol):
    """Objects of core kinds as plain manifests. Every method raises `Transient`."""

    async def get(self, gvk: Gvk, namespace: str, name: str) -> Tree | Missing:
        """Return the object as it stands."""
        ...

    async def list(self, gvk: Gvk, namespace: str = "", labels: str = "", fields: str = "") -> Trees:
        """Return all objects of a kind that the selectors pick."""
        ...

    async def create(self, manifest: Mapping[str, Any]) -> Tree | Missing | Conflict | Invalid:
        """Make an object that is not there yet. `Missing`: its namespace."""
        ...

    async def apply(self, manifest: Mapping[str, Any]) -> Tree | Missing | Conflict | Invalid:
        """Change an object; a uid or resourceVersion in its metadata must be the object's."""
        ...

    async def delete(
        self, gvk: Gvk, namespace: str, name: str, *, uid: str | None = None, resource_version: str = ""
    ) -> Tree | Removed | Missing | Conflict:
        """Delete the very object that was read."""
        ...
