"""Everything that an image consists of: its index, the manifests below it, what refers to them, and all their blobs.

Walked from the top and read through `Reader`, so that a registry and an archive are walked alike. Pure.
"""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from shale.oci import digest as digests
from shale.oci import manifest
from shale.oci.descriptor import MODEL_MANIFEST, Descriptor
from shale.oci.manifest import Document, Index, Manifest

MOST = 1000
"""Documents of one image: ours have four and a few referrers; who has more was made to keep us busy."""
DEPTH = 4
"""Indexes within indexes: an image of Shale's has one."""


class Reader(Protocol):
    """Where documents are read."""

    def manifest(self, digest: str) -> bytes | None:
        """Return a manifest, checked against its digest; None when it is not there."""
        ...

    def referrers(self, digest: str) -> Iterable[Descriptor]:
        """Return what names a manifest as its subject."""
        ...


class Whole(msgspec.Struct, frozen=True):
    """An image with all that belongs to it: `documents` in the order to be put, what others name before them.

    `blobs` are bare, each once, in the order in which they are named.
    """

    top: Descriptor
    documents: tuple[Document, ...]
    blobs: tuple[Descriptor, ...]

    @property
    def size(self) -> int:
        """The bytes of all blobs."""
        return sum(blob.size for blob in self.blobs)

    def digests(self) -> frozenset[str]:
        """Return the digests of all blobs and documents."""
        return frozenset({blob.digest for blob in self.blobs} | {one.descriptor.digest for one in self.documents})


def gather(top: Descriptor, reader: Reader) -> Whole:
    """Return the whole image below `top`. ValueError when a document is not there, is none of OCI's, or has no end."""
    found: dict[str, Document] = {}
    if not _take(reader, top, found, DEPTH):
        raise ValueError(f"the manifest {top.digest} is not there")
    asked = 0
    while asked < len(found):
        subject = list(found)[asked]
        asked += 1
        for entry in reader.referrers(subject):
            _take(reader, entry, found, DEPTH)  # one that is listed and gone refers to nothing any more
    return Whole(found[top.digest].descriptor, tuple(found.values()), _blobs(found.values()))


def tags_beside(whole: Whole, tag: str, *, children: bool) -> tuple[tuple[str, Descriptor], ...]:
    """Return the tags that an image gets, as `manifest.build` gives them: its own last."""
    parsed = [(one.descriptor, manifest.parse(one.data)) for one in whole.documents]
    tops = [document for described, document in parsed if described.digest == whole.top.digest]
    platforms = [
        (manifest.child_tag(tag, entry.platform), entry.bare())
        for document in tops
        if children and isinstance(document, Index)
        for entry in document.manifests
        if entry.platform
    ]
    packs = [(tag + manifest.MODELPACK_SUFFIX, described) for described, one in parsed if _is_pack(one, whole.top)]
    return (*platforms, *packs[:1], (tag, whole.top))


def blobs_of(document: Manifest | Index) -> tuple[Descriptor, ...]:
    """Return the blobs that a document names itself."""
    return (document.config, *document.layers) if isinstance(document, Manifest) else ()


def _take(reader: Reader, entry: Descriptor, found: dict[str, Document], depth: int) -> bool:
    """Read a document, and first what it names; False when it is not there."""
    if entry.digest in found:
        return True
    if len(found) >= MOST or not depth:
        raise ValueError(f"more than {MOST} manifests, or {DEPTH} indexes within one another, belong to this image")
    data = reader.manifest(entry.digest)
    if data is None:
        return False
    document = parsed(entry.digest, data)
    if isinstance(document, Index):
        for child in document.manifests:
            if not _take(reader, child, found, depth - 1):
                raise ValueError(f"the manifest {child.digest}, which {entry.digest} names, is not there")
    found[entry.digest] = Document(Descriptor(manifest.media_type(document), entry.digest, len(data)), data)
    return True


def parsed(digest: str, data: bytes) -> Manifest | Index:
    """Read a manifest. ValueError when it is none of OCI's."""
    try:
        return manifest.parse(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"{digest} is no manifest of OCI's: {error}") from error


def _blobs(documents: Iterable[Document]) -> tuple[Descriptor, ...]:
    named = [blob.bare() for one in documents for blob in blobs_of(manifest.parse(one.data))]
    if wrong := [blob for blob in named if not digests.valid(blob.digest) or blob.size < 0]:
        raise ValueError(f"it names a blob {wrong[0].digest[:80]!r} of {wrong[0].size} bytes, which cannot be")
    return tuple({blob.digest: blob for blob in named}.values())


def _is_pack(document: Manifest | Index, top: Descriptor) -> bool:
    named = document.subject is not None and document.subject.digest == top.digest
    return named and document.artifact_type == MODEL_MANIFEST
