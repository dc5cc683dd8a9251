"""image-builder as a process: its settings and its doors."""

from shale.contracts.streams import CLAIM
from shale.image_builder.claims import Claims
from shale.image_builder.service import ImageBuilder
from shale.registries.opening import open_registries
from shale.registries.settings import RegistrySettings
from shale.runtime.process import Doors, Program
from shale.runtime.settings import read


def build(doors: Doors) -> Program:
    """Return the program. Raises ValueError when a grant of SHALE_AMBIENT is not of its form."""
    registries = open_registries(read(RegistrySettings, doors.environ), doors.environ)
    return Program((ImageBuilder(Claims(doors.bucket(CLAIM.name), doors.census.gone), registries),))
