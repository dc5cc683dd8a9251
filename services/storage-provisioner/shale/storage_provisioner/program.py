"""storage-provisioner as a process: its settings and its doors."""

from functools import partial
from pathlib import Path

import msgspec

from shale.kube import choose
from shale.kube.choose import Place
from shale.runtime.process import Doors, Program
from shale.runtime.settings import read
from shale.sources import roots
from shale.sources.reader import keys, wire
from shale.storage_provisioner.cluster import allowed
from shale.storage_provisioner.cluster.manifests import SHALE, Image
from shale.storage_provisioner.cluster.perform import Hands
from shale.storage_provisioner.cluster.placing import Rules
from shale.storage_provisioner.cluster.service import ClusterProvisioner
from shale.storage_provisioner.cluster.sweep import sweeping
from shale.storage_provisioner.service import StorageProvisioner


class StorageProvisionerSettings(msgspec.Struct, frozen=True):
    """Without a `reader_image` folders of this machine are read, below `roots`; with one, volumes of the cluster.

    `roots` (SHALE_ROOTS): which folders of this machine, or of its nodes, may be read, `/models=/home/me/models`.
    `nfs_allowed`, `efs_allowed`: which exports and file systems may be mounted, `nas.example:/exports,fs-123`; none by
    default. `reader_key_file`: the pool's key, 32 bytes and more; builder-sync has the same one.
    """

    kubeconfig: str = ""
    roots: str = ""
    nfs_allowed: str = ""
    nfs_options: str = "ro,nosuid,nodev,noexec"
    efs_allowed: str = ""
    reader_image: str = ""
    reader_key_file: str = ""
    reader_user: int = 65532
    reader_idle: int = 3600


def build(doors: Doors) -> Program:
    """Return the program. Raises ValueError when a setting is not of its form."""
    settings = read(StorageProvisionerSettings, doors.environ)
    place = choose.cluster(settings.kubeconfig, doors.environ)
    if not settings.reader_image:
        return Program((StorageProvisioner(roots.parse(settings.roots)),))
    if place is None:
        raise ValueError("SHALE_READER_IMAGE is set, and there is no cluster to run it: set SHALE_KUBECONFIG")
    return _on_cluster(settings, place)


def _on_cluster(settings: StorageProvisionerSettings, place: Place) -> Program:
    # The official client takes a second to import: only who works on a cluster pays for it.
    from shale.kube.client import Client  # noqa: PLC0415
    from shale.kube.connection import Connection  # noqa: PLC0415

    key = keys.read(Path(settings.reader_key_file), "SHALE_READER_KEY_FILE")
    connection = Connection(place.kubeconfig)
    client = Client(connection, f"{SHALE}-storage-provisioner")
    image = Image(settings.reader_image, settings.reader_user, settings.reader_idle, wire.PORT)
    service = ClusterProvisioner(Hands(client, image, key), rules_of(settings))
    return Program((service,), tasks=(partial(sweeping, client),), closes=(connection.close,))


def rules_of(settings: StorageProvisionerSettings) -> Rules:
    """Return what may be mounted. Raises ValueError when a setting is not of its form."""
    return Rules(
        roots.parse(settings.roots, here=False),
        allowed.parse(settings.nfs_allowed),
        allowed.parse(settings.efs_allowed),
        tuple(option.strip() for option in settings.nfs_options.split(",") if option.strip()),
    )
