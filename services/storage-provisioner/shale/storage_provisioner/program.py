"""storage-provisioner as a process: its settings and its doors."""

import msgspec

from shale.runtime.process import Doors, Program
from shale.runtime.settings import read
from shale.sources.roots import parse
from shale.storage_provisioner.service import StorageProvisioner


class StorageProvisionerSettings(msgspec.Struct, frozen=True):
    """`roots` (SHALE_ROOTS): which folders may be read, `/models=/home/me/models`; none by default."""

    roots: str = ""


def build(doors: Doors) -> Program:
    """Return the program. Raises ValueError when a root is not of its form."""
    return Program((StorageProvisioner(parse(read(StorageProvisionerSettings, doors.environ).roots)),))
