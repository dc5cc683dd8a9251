"""Where a version's weights can be read on this machine."""

import asyncio
from urllib.parse import quote

import msgspec

from shale.contracts.facts import ImageBuilt, Refused, StorageReady
from shale.contracts.resources import ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.told import Told
from shale.sources.roots import Roots
from shale.sources.schemes import open_source
from shale.sources.source import Unscannable
from shale.storage_provisioner.decide import Seen
from shale.storage_provisioner.problem import Problem


async def observe(told: Told, roots: Roots) -> Seen:
    """Return what was told of the version, and what its storage amounts to."""
    wish = told.declared
    if wish is None or not isinstance(wish.spec, ModelVersionSpec):
        raise TypeError(f"{told.about} was declared without a ModelVersion's spec")
    storage = wish.spec.storage
    ended = any(told.one(fact) is not None for fact in (StorageReady, ImageBuilt, Refused))
    settled = ended or isinstance(wish.known, ModelVersionStatus)
    place = "" if settled else await asyncio.to_thread(place_of, storage, roots)
    return Seen(told.about, storage, told.now, settled, place)


def place_of(storage: Storage, roots: Roots) -> str | Problem:
    """Return the URI of a storage, pinned; or why it cannot be read."""
    match storage.local_storage:
        case LocalStorage(path=path):
            uri = f"file://{quote(path)}"
        case None:
            fields = msgspec.structs.fields(storage)
            kind = next(field.encode_name for field in fields if getattr(storage, field.name) is not None)
            needs = f"storage.{kind} needs a cluster with readers (SHALE_READER_IMAGE)"
            message = f"{needs}: this installation reads localStorage"
            return Problem("StorageNotServed", message, passes=False)
    source = open_source(uri, roots)
    pinned = source if isinstance(source, Unscannable) else source.resolve()
    return Problem(pinned.reason, pinned.message) if isinstance(pinned, Unscannable) else pinned
