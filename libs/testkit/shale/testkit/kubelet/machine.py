"""What a simulated kubelet has at hand: nodes, images, and where volumes really lie."""

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

Tree = dict[str, Any]


class Image(msgspec.Struct, frozen=True):
    """One image that nodes can pull: what runs when a Pod names no command, and what `python` is."""

    entrypoint: tuple[str, ...] = ()
    python: str = sys.executable


class Node(msgspec.Struct, frozen=True):
    """One node, and which folder of it is which folder here: `{"/data": tmp_path / "node-1"}`."""

    name: str
    folders: dict[str, Path] = {}

    @property
    def labels(self) -> dict[str, str]:
        """The labels by which it is found."""
        return {"kubernetes.io/hostname": self.name}


class Machine(msgspec.Struct, frozen=True):
    """All that there is. `exports` is where NFS exports (`server:/path`) and CSI volumes (their handle) lie.

    `scratch` holds each Pod's logs and empty folders. Images and exports may come and go while it runs.
    """

    scratch: Path
    nodes: tuple[Node, ...]
    images: dict[str, Image]
    exports: dict[str, Path] = {}
    binds: bool = False
    """It binds claims to the volumes that name them: for a cluster without controllers."""


class NoMountError(Exception):
    """A volume cannot be mounted: the message says why."""


def address() -> str:
    """Return a loopback address that no other Pod is likely to have."""
    return f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


def beneath(folders: Mapping[str, Path], path: str, what: str) -> Path:
    """Return where a path really lies, by the longest prefix. Raises NoMountError."""
    within = [one for one in folders if path == one or path.startswith(one.rstrip("/") + "/")]
    if not within:
        raise NoMountError(f"{what}: path {path} does not exist")
    prefix = max(within, key=len)
    found = folders[prefix] / path.removeprefix(prefix).strip("/")
    if not found.exists():
        raise NoMountError(f"{what}: path {path} does not exist")
    return found


def of_volume(volume: Tree, node: Node, machine: Machine) -> Path:
    """Return the folder of a PersistentVolume. Raises NoMountError."""
    spec, what = volume["spec"], f"PersistentVolume {volume['metadata']['name']}"
    if here := spec.get("local") or spec.get("hostPath"):
        return beneath(node.folders, str(here["path"]), what)
    if nfs := spec.get("nfs"):
        return beneath(machine.exports, f"{nfs['server']}:{nfs['path']}", what)
    if csi := spec.get("csi"):
        return beneath(machine.exports, str(csi["volumeHandle"]), what)
    raise NoMountError(f"{what}: no such volume can be mounted here")


def fits(volume: Tree, node: Node) -> bool:
    """Return whether a volume can be used on a node."""
    terms: list[Tree] = volume["spec"].get("nodeAffinity", {}).get("required", {}).get("nodeSelectorTerms", [])
    wanted = [term.get("matchExpressions", []) for term in terms]
    return not wanted or any(all(node.labels.get(one["key"]) in one["values"] for one in term) for term in wanted)
