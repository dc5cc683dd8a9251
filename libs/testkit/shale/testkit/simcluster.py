"""An API server's core kinds in memory, with as much of its controllers as volumes and readers meet.

It keeps uids and resourceVersions, binds a claim to the volume that names it, holds what is in use, collects what has
lost its owner. Its kubelet is a function: what becomes of a Pod that was made.
"""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shale.kube.gvk import Gvk
from shale.kube.resources import Conflict, Invalid, Missing, Removed
from shale.kube.trees import Trees
from shale.testkit.life import point

Tree = dict[str, Any]
Key = tuple[str, str, str]
Kubelet = Callable[[Tree], Tree]

STAMP = "2026-11-21T00:00:00Z"
CLUSTERED = {"PersistentVolume", "Namespace"}


def runs(pod: Tree) -> Tree:
    """Return the status of a Pod that is ready at once."""
    del pod
    return {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


class SimCluster:
    """Every method is a step of a town: others may come between, and the power may be cut before it and after."""

    def __init__(self, kubelet: Kubelet = runs) -> None:
        self.kubelet = kubelet
        self.owners: set[str] = set()
        """Uids of owners outside of here that live."""
        self.namespaces_ended: set[str] = set()
        self._kept: dict[Key, Tree] = {}
        self._made: dict[Key, int] = {}
        self._numbers = itertools.count(1)

    async def get(self, gvk: Gvk, namespace: str, name: str) -> Tree | Missing:
        """Return the object as it stands."""
        await point(f"get {gvk.kind}")
        found = self._kept.get(_key(gvk.kind, namespace, name))
        return copy.deepcopy(found) if found is not None else Missing(f"{gvk.kind} {namespace}/{name} is not there")

    async def list(self, gvk: Gvk, namespace: str = "", labels: str = "", fields: str = "") -> Trees:
        """Return all objects of a kind that the selectors pick."""
        await point(f"list {gvk.kind}")
        found = [
            copy.deepcopy(tree)
            for (kind, where, _), tree in sorted(self._kept.items())
            if kind == gvk.kind and namespace in {"", where} and _picked(tree, labels, fields)
        ]
        return Trees(tuple(found), str(next(self._numbers)))

    async def create(self, manifest: Mapping[str, Any]) -> Tree | Missing | Conflict | Invalid:
        """Make an object that is not there yet."""
        tree = copy.deepcopy(dict(manifest))
        meta, kind = tree["metadata"], str(tree["kind"])
        await point(f"create {kind}")
        key = _key(kind, meta.get("namespace", ""), meta["name"])
        if key[1] in self.namespaces_ended:
            return Missing(f"namespace {key[1]} is not there")
        if key in self._kept:
            return Conflict(f"{kind} {meta['name']} is there already")
        self._made[key] = self._made.get(key, 0) + 1  # so that two runs that make the same give it the same uids
        uid = f"{kind.lower()}-{meta['name']}-{self._made[key]}"
        meta |= {"uid": uid, "resourceVersion": str(next(self._numbers)), "creationTimestamp": STAMP}
        if kind == "Pod":
            tree["status"] = self.kubelet(tree)
        self._kept[key] = tree
        self._control()
        made = copy.deepcopy(tree)
        await point(f"created {kind}")
        return made

    async def apply(self, manifest: Mapping[str, Any]) -> Tree | Missing | Conflict | Invalid:
        """Change labels and annotations of an object; a uid or resourceVersion must be its own."""
        tree = dict(manifest)
        meta, kind = tree["metadata"], str(tree["kind"])
        await point(f"apply {kind}")
        found = self._kept.get(_key(kind, meta.get("namespace", ""), meta["name"]))
        if found is None or not _is_meant(found, meta.get("uid", ""), meta.get("resourceVersion", "")):
            return Conflict(f"{kind} {meta['name']} is not what was read")
        for field in ("labels", "annotations"):
            found["metadata"][field] = {**found["metadata"].get(field, {}), **meta.get(field, {})}
        self._touch(found)
        await point(f"applied {kind}")
        return copy.deepcopy(found)

    async def delete(
        self, gvk: Gvk, namespace: str, name: str, *, uid: str | None = None, resource_version: str = ""
    ) -> Tree | Removed | Missing | Conflict:
        """Delete the very object that was read; what is in use stays until it is not."""
        await point(f"delete {gvk.kind}")
        found = self._kept.get(_key(gvk.kind, namespace, name))
        if found is None:
            return Missing(f"{gvk.kind} {namespace}/{name} is not there")
        if not _is_meant(found, uid or "", resource_version):
            return Conflict(f"{gvk.kind} {namespace}/{name} is not what was read")
        self._end(found)
        self._control()
        gone = _key(gvk.kind, namespace, name) not in self._kept
        await point(f"deleted {gvk.kind}")
        return Removed(found["metadata"]["uid"]) if gone else copy.deepcopy(found)

    def all(self) -> tuple[Tree, ...]:
        """Return everything that is there."""
        return tuple(self._kept[key] for key in sorted(self._kept))

    def set_status(self, kind: str, namespace: str, name: str, status: Tree) -> None:
        """Say how an object stands, as its controller or kubelet does."""
        found = self._kept[_key(kind, namespace, name)]
        found["status"] = status
        self._touch(found)

    def collect(self) -> None:
        """Delete what has an owner that lives no more, as the garbage collector does in its time."""
        for tree in self.all():
            owners = tree["metadata"].get("ownerReferences", ())
            if owners and not any(one["uid"] in self.owners for one in owners):
                self._end(tree)
        self._control()

    def _control(self) -> None:
        """Let the controllers come to rest."""
        before: list[tuple[str, str]] | None = None
        while (now := [(one["metadata"]["uid"], one["metadata"]["resourceVersion"]) for one in self.all()]) != before:
            before = now
            for claim in self._of("PersistentVolumeClaim"):
                self._bind(claim)
            for tree in self.all():
                if tree["metadata"].get("deletionTimestamp") and not self._in_use(tree):
                    del self._kept[_key_of(tree)]

    def _bind(self, claim: Tree) -> None:
        """Bind a claim to the volume that is for it; one that was bound and has none any more is lost."""
        meant = [one for one in self._of("PersistentVolume") if _claimant(one).get("uid") == claim["metadata"]["uid"]]
        before: str = claim.get("status", {}).get("phase", "Pending")
        phase = "Bound" if meant else "Pending" if before == "Pending" else "Lost"
        for one in (claim, *meant):
            if one.get("status") != {"phase": phase}:
                one["status"] = {"phase": phase}
                self._touch(one)
        if meant and "volumeName" not in claim["spec"]:
            claim["spec"]["volumeName"] = meant[0]["metadata"]["name"]
            self._touch(claim)

    def _in_use(self, tree: Tree) -> bool:
        meta = tree["metadata"]
        match tree["kind"]:
            case "PersistentVolumeClaim":
                pods = (pod for pod in self._of("Pod") if pod["metadata"]["namespace"] == meta["namespace"])
                return any(meta["name"] in _claims(pod) for pod in pods)
            case "PersistentVolume":
                claims = self._of("PersistentVolumeClaim")
                return any(one["metadata"]["uid"] == _claimant(tree).get("uid") for one in claims)
            case _:
                return False

    def _of(self, kind: str) -> tuple[Tree, ...]:
        return tuple(tree for tree in self.all() if tree["kind"] == kind)

    def _end(self, tree: Tree) -> None:
        if "deletionTimestamp" not in tree["metadata"]:
            tree["metadata"]["deletionTimestamp"] = STAMP
            self._touch(tree)

    def _touch(self, tree: Tree) -> None:
        tree["metadata"]["resourceVersion"] = str(next(self._numbers))


def _claims(pod: Tree) -> Iterator[str]:
    for volume in pod["spec"].get("volumes", ()):
        if claim := volume.get("persistentVolumeClaim"):
            yield claim["claimName"]


def _claimant(volume: Tree) -> Tree:
    ref: Tree = volume["spec"].get("claimRef", {})
    return ref


def _is_meant(found: Tree, uid: str, version: str) -> bool:
    meta = found["metadata"]
    return uid in {"", meta["uid"]} and version in {"", meta["resourceVersion"]}


def _picked(tree: Tree, labels: str, fields: str) -> bool:
    meta = tree["metadata"]
    for wanted in filter(None, labels.split(",")):
        name, equals, value = wanted.partition("=")
        if name not in meta.get("labels", {}) or (equals and meta["labels"][name] != value):
            return False
    said = {"metadata.name": meta["name"], "involvedObject.uid": tree.get("involvedObject", {}).get("uid")}
    pairs = (wanted.partition("=") for wanted in filter(None, fields.split(",")))
    return all(said.get(name) == value for name, _, value in pairs)


def _key_of(tree: Tree) -> Key:
    return _key(tree["kind"], tree["metadata"].get("namespace", ""), tree["metadata"]["name"])


def _key(kind: str, namespace: str, name: str) -> Key:
    return kind, "" if kind in CLUSTERED else namespace, name
