"""The tensor tables of an image, found as what refers to it. Whoever may push there may plant one: each is checked."""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from shale.cli.images import Image
from shale.cli.referrers import referrers
from shale.oci import laws, manifest, tensors
from shale.oci.descriptor import TENSOR_TABLE, TENSORS, Descriptor
from shale.oci.manifest import Manifest
from shale.oci.registry import Registry
from shale.oci.tensors import LayerTable
from shale.weights import table
from shale.weights.table import Table

MOST = 4
"""Artifacts that are looked at: an image of Shale's has one."""
WORTH = 8
"""A layer is this many times as large as its table, or is fetched without it."""


class Tables(msgspec.Struct, frozen=True):
    """By the digest of the layer; `bytes` were fetched for them, and `complaints` say which are not as they should."""

    of: dict[str, Table]
    bytes: int = 0
    complaints: tuple[str, ...] = ()


def find(registry: Registry, image: Image, *, worth: int = WORTH) -> Tables:
    """Return the tables of an image's layers; a table that is not as it should be is none. Raises Transient."""
    found: dict[str, Table] = {}
    fetched, complaints = 0, list[str]()
    sizes = {layer.digest: layer.size for layer in image.layers}
    for entry in named(registry, image.reference.repo, image.top.digest):
        layer = entry.layer
        if layer in found or layer not in sizes or not _worth(entry.size, sizes[layer], worth):
            continue
        try:
            data = _blob(registry, image.reference.repo, entry)
            fetched += len(data)
            found[layer] = _checked(data, layer, sizes[layer])
        except ValueError as error:
            complaints.append(f"the tensor table {entry.digest} of {image.reference} is not used: {error}")
    return Tables(found, fetched, tuple(complaints))


def named(registry: Registry, repo: str, top: str) -> Iterator[LayerTable]:
    """Yield what the tables of an image, by its digest, are named. Raises Transient."""
    left = MOST
    for entry in _referring(registry, repo, top):
        if left and entry.artifact_type == TENSORS:
            left -= 1
            document = _document(registry, repo, entry.digest)
            if document and document.subject is not None and document.subject.digest == top:
                with suppress(ValueError):  # it is no such artifact after all
                    yield from tensors.tables(document).values()


def _worth(table: int, layer: int, worth: int) -> bool:
    return table * worth <= layer and table > 0


def _referring(registry: Registry, repo: str, top: str) -> tuple[Descriptor, ...]:
    try:
        return referrers(registry, repo, top)
    except ValueError:
        return ()  # somebody put something else in their place: without tables all is fetched


def _document(registry: Registry, repo: str, digest: str) -> Manifest | None:
    try:
        data = registry.manifest(repo, digest)
        document = manifest.parse(data) if data is not None else None
    except ValueError:
        return None
    return document if isinstance(document, Manifest) else None


def _blob(registry: Registry, repo: str, entry: LayerTable) -> bytes:
    """Return a table's bytes. Raises ValueError when they are not those that are named."""
    if entry.size > table.MOST:
        raise ValueError(f"it has {entry.size} bytes; at most {table.MOST} are read")
    held = bytearray()
    for block in registry.pull(repo, entry.digest) or ():
        held += block
        if len(held) > entry.size:
            break
    data = bytes(held)
    if complaints := laws.check(Descriptor(TENSOR_TABLE, entry.digest, entry.size), data):
        raise ValueError(complaints[0])
    return data


def _checked(data: bytes, layer: str, size: int) -> Table:
    found = table.decode(data)
    if (found.layer, found.size) != (layer, size):
        raise ValueError(f"it speaks of the layer {found.layer[:80]} of {found.size} bytes, not of {layer} of {size}")
    return found
