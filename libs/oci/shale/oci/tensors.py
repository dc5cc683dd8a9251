"""The artifact that carries an image's tensor tables: one blob per layer that holds safetensors, found as a referrer.

`manifest.build` makes it. The tables themselves are data of `shale.weights.table`; here they are blobs with a digest.
"""

import msgspec

from shale.oci import digest
from shale.oci.descriptor import TABLE_OF, TENSOR_TABLE, TENSORS
from shale.oci.manifest import Manifest


class LayerTable(msgspec.Struct, frozen=True):
    """One table: the digest of its layer, and its own digest and size in bytes."""

    layer: str
    digest: str
    size: int


def tables(manifest: Manifest) -> dict[str, LayerTable]:
    """Return the tables that such an artifact names, by layer. ValueError: it is another, or names no layer."""
    if manifest.artifact_type != TENSORS:
        raise ValueError(f"its type is {manifest.artifact_type!r}, not {TENSORS}")
    found: dict[str, LayerTable] = {}
    for blob in manifest.layers:
        layer = (blob.annotations or {}).get(TABLE_OF, "")
        if blob.media_type != TENSOR_TABLE or not digest.valid(layer) or layer in found:
            raise ValueError(f"its blob {blob.digest} is no table of a layer of its own")
        found[layer] = LayerTable(layer, blob.digest, blob.size)
    return found
