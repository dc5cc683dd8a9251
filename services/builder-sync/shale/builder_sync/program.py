"""builder-sync as a process: its settings and its doors."""

from pathlib import Path

import msgspec

from shale.builder_sync.index import Index
from shale.builder_sync.service import BuilderSync
from shale.contracts.streams import CLAIM, INDEX
from shale.registries.opening import open_registries
from shale.registries.settings import RegistrySettings
from shale.runtime.process import Doors, Program
from shale.runtime.settings import read
from shale.sources.reader import keys
from shale.sources.reader.source import Readers
from shale.sources.roots import parse


class BuilderSyncSettings(msgspec.Struct, frozen=True):
    """`roots` (SHALE_ROOTS): what may be read, `/models=/home/me/models`.

    `reader_key_file`: the pool's key, by which readers know their askers, and packers what other packers wrote into the
    index: without it there is none; `reader_proxy` (host:port): who leads to
    readers by CONNECT, from outside of a cluster's network.
    """

    roots: str = ""
    reader_key_file: str = ""
    reader_proxy: str = ""


def build(doors: Doors) -> Program:
    """Return the program. Raises ValueError when a root or a grant is not of its form."""
    settings = read(BuilderSyncSettings, doors.environ)
    registries = open_registries(read(RegistrySettings, doors.environ), doors.environ)
    key = keys.read(Path(settings.reader_key_file), "SHALE_READER_KEY_FILE") if settings.reader_key_file else b""
    readers = Readers(key, settings.reader_proxy)
    index = Index(doors.bucket(INDEX.name), key) if key else None
    return Program((BuilderSync(parse(settings.roots), registries, readers, doors.bucket(CLAIM.name), index),))
