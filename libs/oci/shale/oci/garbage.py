"""What a manifest that is deleted leaves in an image layout: blobs that no other manifest there names.

The caller holds the layout's lock, under which manifests are written as well. Who counts on a blob and has not written
its manifest yet finds it missing, and sends it again.
"""

from pathlib import Path

from shale.oci import digest as digests
from shale.oci import manifest


def left_by(folder: Path, doomed: str) -> frozenset[Path]:
    """Return the files of what `doomed`, a manifest's digest, names alone; none of an index, or of what is neither."""
    blobs = folder / "blobs" / "sha256"
    names = _named(blobs / digests.hexadecimal(doomed), manifest.Manifest)
    if not names:
        return frozenset()
    kept = {name for path in blobs.iterdir() if path.name != digests.hexadecimal(doomed) for name in _named(path)}
    return frozenset(blobs / digests.hexadecimal(name) for name in names - kept if digests.valid(name))


def _named(path: Path, kind: type[manifest.Manifest] | None = None) -> frozenset[str]:
    """Return what a document names; nothing where there is none (of that kind)."""
    try:
        if path.stat().st_size > manifest.MAX_BYTES:
            return frozenset()
        with path.open("rb") as file:
            data = file.read(manifest.MAX_BYTES) if file.peek(512)[:512].lstrip()[:1] in {b"{", b""} else b""
        document = manifest.parse(data) if data else None
    except (FileNotFoundError, ValueError):
        return frozenset()
    if document is None or (kind is not None and not isinstance(document, kind)):
        return frozenset()
    return frozenset(manifest.named(document))
