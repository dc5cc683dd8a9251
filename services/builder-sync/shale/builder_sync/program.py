"""builder-sync as a process: its settings and its doors."""

from pathlib import Path

import msgspec

from shale.builder_sync.service import BuilderSync
from shale.oci.layout import Layout
from shale.runtime.process import Doors, Program
from shale.runtime.settings import read
from shale.sources.roots import parse


class BuilderSyncSettings(msgspec.Struct, frozen=True):
    """`layout_dir` (SHALE_LAYOUT_DIR): the registry's folder; `roots` (SHALE_ROOTS).

    What may be read, `/models=/home/me/models`.
    """

    layout_dir: str
    roots: str = ""


def build(doors: Doors) -> Program:
    """Return the program. Raises ValueError when a root is not of its form."""
    settings = read(BuilderSyncSettings, doors.environ)
    return Program((BuilderSync(parse(settings.roots), Layout(Path(settings.layout_dir))),))
