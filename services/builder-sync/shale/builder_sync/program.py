"""builder-sync as a process: its settings and its doors."""

import msgspec

from shale.builder_sync.service import BuilderSync
from shale.registries.opening import open_registries
from shale.registries.settings import RegistrySettings
from shale.runtime.process import Doors, Program
from shale.runtime.settings import read
from shale.sources.roots import parse


class BuilderSyncSettings(msgspec.Struct, frozen=True):
    """`roots` (SHALE_ROOTS): what may be read, `/models=/home/me/models`."""

    roots: str = ""


def build(doors: Doors) -> Program:
    """Return the program. Raises ValueError when a root or a grant is not of its form."""
    settings = read(BuilderSyncSettings, doors.environ)
    registries = open_registries(read(RegistrySettings, doors.environ), doors.environ)
    return Program((BuilderSync(parse(settings.roots), registries),))
