"""What every image obeys, whoever wrote it: for `shale verify`, for tests, and for a door that is new.

Each law returns its complaints as lines; none means it is obeyed.
"""

import msgspec

from shale.oci import digest
from shale.oci.descriptor import MODEL_MANIFEST, Descriptor
from shale.oci.manifest import ImageConfig, Index, Manifest

Complaints = tuple[str, ...]


def check(descriptor: Descriptor, data: bytes) -> Complaints:
    """Hold the digest to be the hash of the bytes and the size their count."""
    return check_named(descriptor, digest.of(data), len(data))


def check_named(descriptor: Descriptor, found: str, size: int) -> Complaints:
    """Apply the same law to bytes that were hashed and counted while they streamed by."""
    return _lines(
        (found == descriptor.digest, f"{descriptor.digest} holds bytes whose digest is {found}"),
        (size == descriptor.size, f"{descriptor.digest} is {size} bytes, its descriptor says {descriptor.size}"),
    )


def check_image(manifest: Manifest, config: bytes) -> Complaints:
    """Compare the config's diff_ids with the layers' digests: equal, in their order, for ours are not compressed."""
    try:
        rootfs = msgspec.json.decode(config, type=ImageConfig).rootfs
    except (msgspec.MsgspecError, RecursionError) as error:
        return (f"the config {manifest.config.digest} is no image config: {error}",)
    return check(manifest.config, config) + _same(
        "diff_ids", rootfs.diff_ids, tuple(layer.digest for layer in manifest.layers)
    )


def check_index(index: Index, manifests: dict[str, Manifest]) -> Complaints:
    """Ask every platform for its image, and all images for the same layers; `manifests` were found, by digest."""
    named = [entry.digest for entry in index.manifests]
    missing = tuple(f"the index names {name}, which is not there" for name in named if name not in manifests)
    found = [manifests[name].layers for name in named if name in manifests]
    unlike = tuple("two platforms of the index hold unlike layers" for layers in found[1:] if layers != found[0])
    nameless = tuple(
        f"{entry.digest} in the index names no platform" for entry in index.manifests if not entry.platform
    )
    return missing + unlike + nameless


def check_model_pack(pack: Manifest, index: Descriptor, image: Manifest) -> Complaints:
    """Ask the ModelPack manifest for the very blobs of the image, and for the index as its subject."""
    subject = pack.subject.digest if pack.subject else "nothing"
    return _lines(
        (pack.artifact_type == MODEL_MANIFEST, f"its artifactType is {pack.artifact_type}, not {MODEL_MANIFEST}"),
        (subject == index.digest, f"its subject is {subject}, not the index {index.digest}"),
    ) + _same("layers", tuple(_bytes(layer) for layer in pack.layers), tuple(_bytes(layer) for layer in image.layers))


def _bytes(layer: Descriptor) -> str:
    return f"{layer.digest} of {layer.size} bytes"


def _same(what: str, found: tuple[str, ...], wanted: tuple[str, ...]) -> Complaints:
    if len(found) != len(wanted):
        return (f"it has {len(found)} {what} for {len(wanted)} layers",)
    pairs = enumerate(zip(found, wanted, strict=True))
    return tuple(f"{what}[{at}] is {one}, the layer is {other}" for at, (one, other) in pairs if one != other)


def _lines(*checks: tuple[bool, str]) -> Complaints:
    return tuple(line for obeyed, line in checks if not obeyed)
