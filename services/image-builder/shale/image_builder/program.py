"""image-builder as a process: its settings and its doors."""

from pathlib import Path

from shale.contracts.streams import CLAIM
from shale.image_builder.claims import Claims
from shale.image_builder.service import ImageBuilder
from shale.image_builder.settings import ImageBuilderSettings
from shale.oci.layout import Layout
from shale.runtime.process import Doors, Program
from shale.runtime.settings import read


def build(doors: Doors) -> Program:
    """Return the program."""
    settings = read(ImageBuilderSettings, doors.environ)
    return Program(
        (ImageBuilder(Claims(doors.bucket(CLAIM.name), doors.census.gone), Layout(Path(settings.layout_dir))),)
    )
