"""From what a spec says of its storage to what is mounted in a cluster, if it may be."""

from typing import Any

import msgspec

from shale.contracts.resources.modelversion import AwsEfs, LocalStorage, Nfs, Pvc, Storage
from shale.sources.roots import Roots
from shale.storage_provisioner.cluster.allowed import Allowed
from shale.storage_provisioner.cluster.place import Place
from shale.storage_provisioner.problem import Problem, Unusable

EFS_DRIVER = "efs.csi.aws.com"
EFS_ATTRIBUTES = {"encryptInTransit": ("true",), "az": None}
"""What a spec may say to the driver: others (`mounttargetip`, `crossaccount`) would lead past the allow-list."""
LOCAL_OPTIONS = ("ro", "nosuid", "nodev", "noexec")


class Rules(msgspec.Struct, frozen=True):
    """What may be mounted: folders of nodes below `roots`, exports and file systems by name; nothing by default."""

    roots: Roots = Roots()
    nfs: Allowed = Allowed()
    efs: Allowed = Allowed()
    nfs_options: tuple[str, ...] = LOCAL_OPTIONS


def place_of(storage: Storage, rules: Rules) -> Place | Problem | Unusable:
    """Return what is to be mounted, if it may be."""
    if (local := storage.local_storage) is not None:
        return _local(local, rules)
    if (nfs := storage.nfs) is not None:
        return _nfs(nfs, rules)
    if (efs := storage.aws_efs) is not None:
        return _efs(efs, rules)
    if (pvc := storage.pvc) is not None:
        return _pvc(pvc)
    return Problem("StorageNotServed", "storage.source is not served by this release", passes=False)


def _local(local: LocalStorage, rules: Rules) -> Place | Problem:
    """Mount the root, so that the reader sees where links lead: only the node knows its own."""
    placed = rules.roots.place(local.path)
    if placed is None:
        known = ", ".join(root.prefix for root in rules.roots.roots) or "none"
        cure = "move the model there, or let SHALE_ROOTS name its folder"
        return Problem("OutsideRoots", f"{local.path} lies below no configured root ({known}): {cure}")
    root, folder = placed
    title = f"{local.path} on node {local.node_name}"
    return Place(title, folder, {"local": {"path": str(root.folder)}}, LOCAL_OPTIONS, node=local.node_name)


def _nfs(nfs: Nfs, rules: Rules) -> Place | Problem | Unusable:
    title = f"NFS export {nfs.server}:{nfs.path}"
    if not nfs.path.startswith("/") or _climbs(nfs.path) or not nfs.server.strip():
        return Unusable("BadPath", f"{title}: nfs.path must be absolute and hold no '..': make a version that says so")
    if not rules.nfs.allows(nfs.server, nfs.path):
        return _not_allowed(title, rules.nfs, "SHALE_NFS_ALLOWED")
    return Place(
        title, "", {"nfs": {"server": nfs.server, "path": nfs.path, "readOnly": True}}, options=rules.nfs_options
    )


def _efs(efs: AwsEfs, rules: Rules) -> Place | Problem | Unusable:
    title = f"EFS file system {efs.volume_handle}"
    system, _, rest = efs.volume_handle.partition(":")
    path, _, point = rest.partition(":")
    if _climbs(path):
        return Unusable("BadPath", f"{title}: volumeHandle must hold no '..': make a version that says so")
    for name, value in efs.attributes.items():
        values = EFS_ATTRIBUTES.get(name, ())
        if values is not None and value not in values:
            known = ", ".join(EFS_ATTRIBUTES)
            why = f"attribute {name}: {value!r} is none that may be said ({known}; encrypted in transit)"
            return Unusable("BadAttribute", f"{title}: {why}: make a version without it")
    # an access point puts its own root before the path, and only who made it knows which
    allows = rules.efs.allows_point(system, point) if point else rules.efs.allows(system, f"/{path.strip('/')}")
    if not allows:
        return _not_allowed(title, rules.efs, "SHALE_EFS_ALLOWED")
    source: dict[str, Any] = {"driver": EFS_DRIVER, "volumeHandle": efs.volume_handle, "readOnly": True}
    if efs.attributes:
        source["volumeAttributes"] = dict(efs.attributes)
    return Place(title, "", {"csi": source}, options=("ro",))


def _pvc(pvc: Pvc) -> Place | Unusable:
    title = f"claim {pvc.claim_name}" + (f", subPath {pvc.sub_path}" if pvc.sub_path else "")
    if _climbs(pvc.sub_path) or pvc.sub_path.startswith("/"):
        return Unusable("BadPath", f"{title}: pvc.subPath must stay in the claim: make a version that says so")
    return Place(title, pvc.sub_path.strip("/"), claim=pvc.claim_name)


def _climbs(path: str) -> bool:
    return ".." in path.split("/") or "\0" in path


def _not_allowed(title: str, allowed: Allowed, setting: str) -> Problem:
    return Problem("NotAllowed", f"{title} may not be mounted (allowed: {allowed}): let {setting} name it")
