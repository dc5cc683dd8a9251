"""What an image is made of: documents, layers, the files in them, and who else names them. Weights are not pulled."""

import io
import stat
import tarfile
from collections.abc import Iterator
from itertools import islice

import msgspec

from shale.cli import images
from shale.cli.images import Image
from shale.cli.pulling import tables
from shale.cli.ranged import Ranged
from shale.cli.referrers import MOST_TAGS, referrers
from shale.cli.registries import Store
from shale.contracts.errors import Transient
from shale.oci import manifest, strict
from shale.oci.descriptor import IMAGE_LAYER, Descriptor
from shale.oci.manifest import Index, Manifest
from shale.oci.registry import Registry

MOST_FILES = 2000
"""Files of one layer that are listed; the rest is counted as `more`."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file, folder (`d`) or link (`l`) of a layer."""

    path: str
    size: int
    mode: str
    link: str = ""


class LayerView(msgspec.Struct, frozen=True, rename="camel"):
    """One layer; `shared_with` are other tags of the repository that name the same blob."""

    digest: str
    media_type: str
    size: int
    name: str
    files: list[Entry]
    more: bool
    shared_with: list[str]
    unlisted: str = ""
    """Why there is no list of files."""
    table: str = ""
    """Digest of the tensor table, where the image has one for this layer."""


class DocumentView(msgspec.Struct, frozen=True, rename="camel"):
    """A manifest: what it is for, its config, and its layers by digest."""

    digest: str
    size: int
    what: str
    config: str
    layers: list[str]


class Anatomy(msgspec.Struct, frozen=True, rename="camel"):
    """All of it; `tags` were compared with, of `all_tags` that there are."""

    image: str
    digest: str
    media_type: str
    size: int
    bytes: int
    manifests: list[DocumentView]
    referrers: list[DocumentView]
    layers: list[LayerView]
    tags: int
    all_tags: int


def look(store: Store, image: Image) -> Anatomy:
    """Look at everything once. Raises Transient."""
    registry, repo = store.registry, image.reference.repo
    names = registry.tags(repo)
    named_by = _tags(registry, image, names[:MOST_TAGS])
    tabled = {one.layer: one.digest for one in tables.named(registry, image.reference.repo, image.top.digest)}
    layers = [
        msgspec.structs.replace(
            _layer(registry, image, layer, named_by.get(layer.digest, [])), table=tabled.get(layer.digest, "")
        )
        for layer in image.layers
    ]
    return Anatomy(
        image=str(image.reference),
        digest=image.top.digest,
        media_type=image.top.media_type,
        size=image.top.size,
        bytes=sum(layer.size for layer in image.layers),
        manifests=[_document(one, image.manifests[one.digest]) for one in _entries(image)],
        referrers=_referrers(registry, repo, image.top.digest),
        layers=layers,
        tags=min(len(names), MOST_TAGS),
        all_tags=len(names),
    )


def _entries(image: Image) -> tuple[Descriptor, ...]:
    return image.index.manifests if image.index else (image.top,)


def _document(entry: Descriptor, document: Manifest) -> DocumentView:
    platform = f"{entry.platform.os}/{entry.platform.architecture}" if entry.platform else ""
    what = platform or document.artifact_type or "image"
    layers = [layer.digest for layer in document.layers]
    return DocumentView(entry.digest, entry.size, what, document.config.digest, layers)


def _referrers(registry: Registry, repo: str, digest: str) -> list[DocumentView]:
    found: list[DocumentView] = []
    for entry in referrers(registry, repo, digest):
        document = _parsed(registry, repo, entry.digest)
        if isinstance(document, Manifest):
            found.append(_document(entry, document))
        else:
            found.append(DocumentView(entry.digest, entry.size, entry.artifact_type or "unknown", "", []))
    return found


def _tags(registry: Registry, image: Image, names: tuple[str, ...]) -> dict[str, list[str]]:
    """Return by layer which tags name it, besides those of this very image and what refers to it."""
    own = {image.top.digest, *image.manifests}
    found: dict[str, list[str]] = {}
    for tag in names:
        entry = registry.resolve(image.reference.repo, tag)
        document = _parsed(registry, image.reference.repo, entry.digest) if entry and entry.digest not in own else None
        subject = document.subject if document else None
        if document is None or (subject and subject.digest in own):
            continue
        for digest in _layers(registry, image.reference.repo, document):
            found.setdefault(digest, []).append(tag)
    return {digest: _names(tags) for digest, tags in found.items()}


def _names(tags: list[str]) -> list[str]:
    """Return the tags without those that are only made beside another one of them."""
    beside = {one for tag in tags for one in manifest.tags_beside(tag)[1:]}
    return [tag for tag in tags if tag not in beside]


def _layers(registry: Registry, repo: str, document: Manifest | Index) -> set[str]:
    if isinstance(document, Manifest):
        return {layer.digest for layer in document.layers}
    below = (_parsed(registry, repo, entry.digest) for entry in document.manifests)
    return {layer.digest for one in below if isinstance(one, Manifest) for layer in one.layers}


def _parsed(registry: Registry, repo: str, digest: str) -> Manifest | Index | None:
    """Return a document; None when it is not there, or none that we can read."""
    try:
        data = registry.manifest(repo, digest)
        return manifest.parse(data) if data is not None else None
    except ValueError:
        return None


def _layer(registry: Registry, image: Image, layer: Descriptor, shared: list[str]) -> LayerView:
    name = "several files" if image.titles.get(layer.digest) == "." else image.titles.get(layer.digest, "")
    files, unlisted = list[Entry](), ""
    try:
        with Ranged(registry, image.reference.repo, layer.digest, layer.size) as blob:
            files = list(entries(blob))
    except (tarfile.TarError, Transient) as error:
        unlisted = f"{error}" if isinstance(error, Transient) else _no_tar(layer)
    more = len(files) > MOST_FILES
    return LayerView(layer.digest, layer.media_type, layer.size, name, files[:MOST_FILES], more, shared, unlisted)


def _no_tar(layer: Descriptor) -> str:
    plain = layer.media_type == IMAGE_LAYER or layer.media_type.endswith(".tar")
    return "it is no tar: verify the image" if plain else f"{layer.media_type} is not listed"


def entries(blob: io.RawIOBase) -> Iterator[Entry]:
    """Yield at most one more than MOST_FILES entries of an uncompressed tar. Raises TarError, Transient."""
    with strict.seekable(blob) as tar:
        for member in islice(strict.members(tar), MOST_FILES + 1):
            kind = "d" if member.isdir() else "l" if member.issym() or member.islnk() else "-"
            yield Entry(member.name, member.size, kind + stat.filemode(member.mode & 0o7777)[1:], member.linkname)


def find(store: Store, name: str) -> Anatomy:
    """Return the anatomy of an image by its name. Raises CliError, Transient."""
    return look(store, images.find(store, images.parse(name)))
