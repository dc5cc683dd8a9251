"""The artifact that carries an image's tensor tables: one blob per layer that holds safetensors, found as a referrer.

The tables themselves are data of `shale.weights.table`; here they are blobs with a digest.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from shale.oci import digest
from shale.oci.descriptor import IMAGE_MANIFEST, Descriptor
from shale.oci.manifest import Document, Manifest, canonical

TENSORS: Final = "application/vnd.shale.tensors.v1"
"""The artifact's type."""
TABLE: Final = "application/vnd.shale.tensors.layer.v1+json"
"""Media type of one layer's table."""
LAYER: Final = "dev.shale.layer"
"""Annotation of a table's descriptor: the digest of the layer that it is about."""

EMPTY: Final = Document(Descriptor("application/vnd.oci.empty.v1+json", digest.of(b"{}"), 2), b"{}")
"""The config of what has none (image-spec, manifest.md, "Guidance for an Empty Descriptor")."""


class LayerTable(msgspec.Struct, frozen=True):
    """One table: the digest of its layer, and its own digest and size in bytes."""

    layer: str
    digest: str
    size: int


def artifact(tables: Sequence[LayerTable], image: Descriptor) -> Document:
    """Return the manifest over the tables of an image's layers, in their order; `image` is what its tag names.

    Its config is `EMPTY`, which is pushed before it; a layer that is there twice has one table.
    """
    once = {table.layer: table for table in tables}
    blobs = tuple(Descriptor(TABLE, table.digest, table.size, {LAYER: table.layer}) for table in once.values())
    manifest = Manifest(EMPTY.descriptor, blobs, schema_version=2, artifact_type=TENSORS, subject=image.bare())
    data = canonical(manifest)
    return Document(Descriptor(IMAGE_MANIFEST, digest.of(data), len(data), artifact_type=TENSORS), data)


def tables(manifest: Manifest) -> dict[str, LayerTable]:
    """Return the tables that such an artifact names, by layer. ValueError: it is another, or names no layer."""
    if manifest.artifact_type != TENSORS:
        raise ValueError(f"its type is {manifest.artifact_type!r}, not {TENSORS}")
    found: dict[str, LayerTable] = {}
    for blob in manifest.layers:
        layer = (blob.annotations or {}).get(LAYER, "")
        if blob.media_type != TABLE or not digest.valid(layer) or layer in found:
            raise ValueError(f"its blob {blob.digest} is no table of a layer of its own")
        found[layer] = LayerTable(layer, blob.digest, blob.size)
    return found
