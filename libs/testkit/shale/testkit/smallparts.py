"""builder-sync with small parts and little patience: started in its place, `python -m shale.testkit.smallparts`."""

import asyncio

import msgspec

from shale.builder_sync import program
from shale.builder_sync.service import BuilderSync
from shale.oci.distribution.options import Options
from shale.oci.distribution.patience import Patience
from shale.oci.profiles import DISTRIBUTION
from shale.registries.opening import open_registries
from shale.registries.settings import RegistrySettings
from shale.runtime.process import Doors, Program, run
from shale.runtime.settings import read

PART, LEAST = 4 << 20, 1 << 20
"""Bytes of a part, and of the smallest."""
TRIES = 4
PATIENCE = Patience(tries=TRIES, first=0.01, longest=2.0, connect=5.0, read=8.0, silence=0.5, commit=8.0)
PROFILE = msgspec.structs.replace(DISTRIBUTION, part_bytes=PART, least_part=LEAST)


def build(doors: Doors) -> Program:
    """Return the program with its registries exchanged."""
    (made,) = program.build(doors).services
    if not isinstance(made, BuilderSync):
        raise TypeError(f"{type(made).__name__} packs nothing")
    options = Options(patience=PATIENCE, profile=lambda _: PROFILE)
    registries = open_registries(read(RegistrySettings, doors.environ), doors.environ, options)
    return Program((BuilderSync(made.roots, registries, made.readers, made.places, made.index),))


if __name__ == "__main__":
    asyncio.run(run("builder-sync", build))
