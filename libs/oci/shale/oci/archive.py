"""An image as one file: an OCI image layout (image-spec, image-layout.md) in a tar, the same bytes on every host.

`oci-layout` and `index.json` come first, then the manifests, then the other blobs: who reads it once knows what comes.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

import msgspec

from shale.oci import digest as digests
from shale.oci import manifest, tarball
from shale.oci.descriptor import REF_NAME, Descriptor
from shale.oci.manifest import Index
from shale.oci.whole import Whole, tags_beside

LAYOUT = ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
INDEX = "index.json"


def name(digest: str) -> str:
    """Return where a blob lies in a layout."""
    return f"blobs/sha256/{digests.hexadecimal(digest)}"


def index(image: Whole, tag: str) -> Index:
    """Return what `index.json` names: the image, what is tagged beside it, and what else refers to it.

    Without a tag the image has no name there.
    """
    tags = tags_beside(image, tag or "x", children=False)
    named = [_named(described, one if tag else "") for one, described in reversed(tags)]
    known = {one.digest for one in named}
    parsed = ((one.descriptor, manifest.parse(one.data)) for one in image.documents)
    others = [described for described, document in parsed if document.subject and described.digest not in known]
    return Index((*named, *others), schema_version=2)


def frame(image: Whole, tag: str, without: AbstractSet[str] = frozenset()) -> Iterator[bytes | Descriptor]:
    """Return the tar: framing as bytes, and between it the blobs that the caller reads; none of those in `without`.

    Manifests are always in it, so that what it lacks can be named where it is read.
    """
    yield _file(*LAYOUT)
    yield _file(INDEX, manifest.canonical(index(image, tag)))
    for document in image.documents:
        yield _file(name(document.descriptor.digest), document.data)
    for blob in held(image, without):
        yield tarball.plain(name(blob.digest), blob.size)
        yield blob
        yield _padding(blob.size)
    yield tarball.END


def held(image: Whole, without: AbstractSet[str]) -> tuple[Descriptor, ...]:
    """Return the blobs that an archive holds besides the manifests."""
    return tuple(blob for blob in image.blobs if blob.digest not in without)


def _named(described: Descriptor, tag: str) -> Descriptor:
    return msgspec.structs.replace(described, annotations={REF_NAME: tag} if tag else None)


def _file(path: str, data: bytes) -> bytes:
    return tarball.plain(path, len(data)) + data + _padding(len(data))


def _padding(size: int) -> bytes:
    return bytes(-size % tarball.BLOCK)
