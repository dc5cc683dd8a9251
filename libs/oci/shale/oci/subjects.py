"""What refers to a manifest in an image layout: manifests there that name it as their subject, tagged or not.

A layout keeps no list of them (image-spec, image-layout.md): its documents are looked through, which are few and small.
"""

from pathlib import Path

import msgspec

from shale.oci import digest as digests
from shale.oci import manifest
from shale.oci.descriptor import Descriptor


def referring(folder: Path, subject: str) -> tuple[Descriptor, ...]:
    """Return the manifests of a layout whose subject it is, by digest, each with its artifact type."""
    blobs = folder / "blobs" / "sha256"
    names = sorted(path.name for path in blobs.iterdir()) if blobs.is_dir() else []
    found = (_described(blobs / name, f"sha256:{name}", subject) for name in names if digests.valid(f"sha256:{name}"))
    return tuple(one for one in found if one is not None)


def _described(path: Path, digest: str, subject: str) -> Descriptor | None:
    data = _document(path)
    try:
        document = manifest.parse(data)
    except ValueError:
        return None
    if document.subject is None or document.subject.digest != subject or digests.of(data) != digest:
        return None
    config = document.config.media_type if isinstance(document, manifest.Manifest) else None
    kind = document.artifact_type or config
    described = Descriptor(manifest.media_type(document), digest, len(data))
    return msgspec.structs.replace(described, artifact_type=kind, annotations=document.annotations)


def _document(path: Path) -> bytes:
    """Return what may be a document; nothing of a file that is larger than any, none, or gone by now."""
    try:
        if path.stat().st_size > manifest.MAX_BYTES:
            return b""
        with path.open("rb") as file:
            return file.read(manifest.MAX_BYTES) if file.peek(1)[:1] == b"{" else b""
    except FileNotFoundError:
        return b""
