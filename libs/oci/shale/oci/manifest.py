"""The documents of an image, made from its packed layers alone: the same layers give the same digests anywhere.

One image manifest per platform over the same layers, an index over both, a ModelPack manifest over the same blobs; and
where layers have tensor tables, an artifact that names them. The last two have the index as their subject.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from shale.contracts.artifact import PackedLayer
from shale.oci import digest
from shale.oci.descriptor import (
    EMPTY,
    FILEPATH,
    IMAGE_CONFIG,
    IMAGE_INDEX,
    IMAGE_LAYER,
    IMAGE_MANIFEST,
    MODEL_CONFIG,
    MODEL_MANIFEST,
    MODEL_WEIGHT,
    MODEL_WEIGHT_CONFIG,
    OLD_FILEPATH,
    TABLE_OF,
    TENSOR_TABLE,
    TENSORS,
    TITLE,
    Descriptor,
    Platform,
)
from shale.oci.tarball import LINK, PREFIX

PLATFORMS = (Platform("amd64", "linux"), Platform("arm64", "linux"))
"""Weights run anywhere, but a node refuses an image that does not name its own platform."""

MODELPACK_SUFFIX = "-modelpack"
"""Of the tag beside an image's own. Beside it may stand one per platform, see `child_tag`; no imageTag ends in any."""
MAX_BYTES = 4 * 2**20
"""Registries refuse larger manifests (docker-registry 2.8.2 answers 400; distribution-spec, "Pushing Manifests")."""

ENV = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    f"KUBEDL_MODEL_PATH=/{LINK}",
    f"MODEL_PATH=/{PREFIX.rstrip('/')}",
)


class Manifest(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, tag_field="mediaType", tag=IMAGE_MANIFEST
):
    """An image manifest (image-spec, manifest.md); with an artifact type it is no runnable image."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    schema_version: Literal[2]
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None


class Index(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, tag_field="mediaType", tag=IMAGE_INDEX):
    """One image for several platforms (image-spec, image-index.md)."""

    manifests: tuple[Descriptor, ...]
    schema_version: Literal[2]
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None


class RunConfig(msgspec.Struct, frozen=True, rename="pascal"):
    """The part of an image's config that a container inherits."""

    env: tuple[str, ...] = ENV


class RootFS(msgspec.Struct, frozen=True):
    """The digests of the uncompressed layers: ours are not compressed, so they are the layers' own."""

    type: str
    diff_ids: tuple[str, ...]


class ImageConfig(msgspec.Struct, frozen=True):
    """An image's config (image-spec, config.md); it differs by platform, nothing else does."""

    architecture: str
    os: str
    rootfs: RootFS
    config: RunConfig = RunConfig()


class ModelFS(msgspec.Struct, frozen=True, rename="camel"):
    """The same digests, in ModelPack's words."""

    type: str
    diff_ids: tuple[str, ...]


class ModelConfig(msgspec.Struct, frozen=True, rename="camel"):
    """A ModelPack config (model-spec, config-schema.json): all three are required, two may be empty."""

    modelfs: ModelFS
    descriptor: dict[str, str]
    config: dict[str, str]


class Document(msgspec.Struct, frozen=True):
    """A JSON document under the digest of its bytes."""

    descriptor: Descriptor
    data: bytes


class Image(msgspec.Struct, frozen=True):
    """What is pushed once the layers are there, in this order: `blobs`, `manifests` by digest, then the `tags`."""

    blobs: tuple[Document, ...]
    manifests: tuple[Document, ...]
    tags: tuple[tuple[str, Descriptor], ...]
    index: Descriptor
    model_pack: Descriptor
    tables: Descriptor | None = None


def build(layers: Sequence[PackedLayer], tag: str, *, children: bool = False) -> Image:
    """Return the documents over `layers`, which come in the order of the plan: small ones first, then weights.

    With `children` the image of each platform has a tag of its own, for registries that would collect it without.
    """
    configs = [_config(layers, platform) for platform in PLATFORMS]
    images = [_image(layers, config) for config in configs]
    index = _index(images)
    model_config = _document(MODEL_CONFIG, ModelConfig(ModelFS("layers", _digests(layers)), {}, {}))
    model_pack = _model_pack(layers, model_config, index)
    empty = Document(Descriptor(EMPTY, digest.of(b"{}"), 2), b"{}")
    tables = [_tables(layers, empty, index)] if any(layer.table for layer in layers) else []
    platforms = zip(PLATFORMS, images, strict=True) if children else ()
    return Image(
        blobs=(*configs, model_config, *(empty for _ in tables)),
        manifests=(*images, index, model_pack, *tables),
        tags=(
            *((child_tag(tag, platform), image.descriptor) for platform, image in platforms),
            (tag + MODELPACK_SUFFIX, model_pack.descriptor),
            (tag, index.descriptor),
        ),
        index=index.descriptor,
        model_pack=model_pack.descriptor,
        tables=tables[0].descriptor if tables else None,
    )


def child_tag(tag: str, platform: Platform) -> str:
    """Return the tag of one platform's image beside `tag`: `v1-linux-arm64`."""
    return f"{tag}-{platform.os}-{platform.architecture}"


def tags_beside(tag: str) -> tuple[str, ...]:
    """Return all tags that an image may have, its own first."""
    return (tag, tag + MODELPACK_SUFFIX, *(child_tag(tag, platform) for platform in PLATFORMS))


def parse(data: bytes) -> Manifest | Index:
    """Read a manifest or an index; ValueError (mostly msgspec's) says what is wrong with it."""
    try:
        return msgspec.json.decode(data, type=Manifest | Index)
    except RecursionError as error:
        raise ValueError("it is nested too deeply for a manifest") from error


def media_type(document: Manifest | Index) -> str:
    """Return the media type that a document has among descriptors."""
    match document:
        case Manifest():
            return IMAGE_MANIFEST
        case Index():
            return IMAGE_INDEX


def named(document: Manifest | Index) -> tuple[str, ...]:
    """Return what must be there before a document is (a subject need not, says distribution-spec)."""
    match document:
        case Manifest(config=config, layers=layers):
            return (config.digest, *(layer.digest for layer in layers))
        case Index(manifests=manifests):
            return tuple(entry.digest for entry in manifests)


def canonical(document: msgspec.Struct) -> bytes:
    """Return the one encoding of a document: sorted keys, no white space."""
    return msgspec.json.encode(document, order="sorted")


def _config(layers: Sequence[PackedLayer], platform: Platform) -> Document:
    rootfs = RootFS("layers", _digests(layers))
    return _document(IMAGE_CONFIG, ImageConfig(platform.architecture, platform.os, rootfs))


def _image(layers: Sequence[PackedLayer], config: Document) -> Document:
    blobs = tuple(Descriptor(IMAGE_LAYER, layer.digest, layer.size) for layer in layers)
    return _document(IMAGE_MANIFEST, Manifest(config.descriptor, blobs, schema_version=2))


def _index(images: list[Document]) -> Document:
    entries = (
        msgspec.structs.replace(image.descriptor, platform=platform)
        for image, platform in zip(images, PLATFORMS, strict=True)
    )
    return _document(IMAGE_INDEX, Index(tuple(entries), schema_version=2))


def _model_pack(layers: Sequence[PackedLayer], config: Document, index: Document) -> Document:
    blobs = tuple(_model_layer(layer) for layer in layers)
    manifest = Manifest(
        config.descriptor, blobs, schema_version=2, artifact_type=MODEL_MANIFEST, subject=index.descriptor
    )
    return _document(IMAGE_MANIFEST, manifest)


def title(name: str, role: str, count: int) -> str:
    """Return a layer's path in the tar, where tools that unpack it find the file; of several files it is `.`."""
    return "." if role == "small" or count > 1 else PREFIX + name


def _model_layer(layer: PackedLayer) -> Descriptor:
    """Name the blob by its path in the tar."""
    media_type = MODEL_WEIGHT_CONFIG if layer.role == "small" else MODEL_WEIGHT
    path = title(layer.name, layer.role, layer.count)
    return Descriptor(media_type, layer.digest, layer.size, dict.fromkeys((FILEPATH, TITLE, OLD_FILEPATH), path))


def _tables(layers: Sequence[PackedLayer], config: Document, index: Document) -> Document:
    """Name the tables of the layers that have one; no tag does, it is found as what refers to the index."""
    named = {layer.digest: layer for layer in layers if layer.table}
    blobs = tuple(
        Descriptor(TENSOR_TABLE, layer.table, layer.table_size, {TABLE_OF: name}) for name, layer in named.items()
    )
    manifest = Manifest(config.descriptor, blobs, schema_version=2, artifact_type=TENSORS, subject=index.descriptor)
    return _document(IMAGE_MANIFEST, manifest)


def _digests(layers: Sequence[PackedLayer]) -> tuple[str, ...]:
    return tuple(layer.digest for layer in layers)


def _document(media_type: str, content: msgspec.Struct) -> Document:
    data = canonical(content)
    return Document(Descriptor(media_type, digest.of(data), len(data)), data)
