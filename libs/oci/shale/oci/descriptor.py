"""Descriptors, and the media types and annotations that Shale writes.

OCI image-spec v1.1: descriptor.md, media-types.md, annotations.md.
CNCF ModelPack model-spec v1: mediatype.go, annotations.go.
"""

from typing import Final

import msgspec

IMAGE_INDEX: Final = "application/vnd.oci.image.index.v1+json"
IMAGE_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
IMAGE_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
IMAGE_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"

MODEL_MANIFEST: Final = "application/vnd.cncf.model.manifest.v1+json"
MODEL_CONFIG: Final = "application/vnd.cncf.model.config.v1+json"
MODEL_WEIGHT: Final = "application/vnd.cncf.model.weight.v1.tar"
MODEL_WEIGHT_CONFIG: Final = "application/vnd.cncf.model.weight.config.v1.tar"

TENSORS: Final = "application/vnd.shale.tensors.v1"
"""Artifact type of the manifest over an image's tensor tables, one blob per layer that holds safetensors files."""
TENSOR_TABLE: Final = "application/vnd.shale.tensors.layer.v1+json"
TABLE_OF: Final = "dev.shale.layer"
"""Annotation of a table: the digest of its layer."""
EMPTY: Final = "application/vnd.oci.empty.v1+json"
"""Media type of a config that says nothing (image-spec, manifest.md, "Guidance for an Empty Descriptor")."""

REF_NAME: Final = "org.opencontainers.image.ref.name"
TITLE: Final = "org.opencontainers.image.title"
FILEPATH: Final = "org.cncf.model.filepath"
OLD_FILEPATH: Final = "org.cnai.model.filepath"
"""What ModelPack called `FILEPATH` until v0.0.6 and CRI-O still reads."""


class Platform(msgspec.Struct, frozen=True):
    """What an image runs on, in Go's words."""

    architecture: str
    os: str


class Descriptor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A named piece of content: its type, its digest, its size in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] | None = None
    platform: Platform | None = None
    artifact_type: str | None = None

    def bare(self) -> "Descriptor":
        """Return only what the bytes themselves say: type, digest, size."""
        return Descriptor(self.media_type, self.digest, self.size)
