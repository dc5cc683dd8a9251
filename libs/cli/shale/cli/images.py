"""Images by the names that people give them: found in the registry, with names for their layers."""

import re
from collections.abc import Iterator

import msgspec

from shale.cli.exits import CliError, usage
from shale.cli.referrers import referrers
from shale.cli.registries import Store
from shale.oci import digest as digests
from shale.oci import laws, manifest, names
from shale.oci.descriptor import FILEPATH, MODEL_MANIFEST, Descriptor
from shale.oci.manifest import Index, Manifest
from shale.oci.registry import Registry

_COMPRESSED = frozenset({"gzip", "zstd"})
_REFERENCE = re.compile(r"(?P<repo>[^@]+?)(:(?P<tag>[^/:@]+))?(@(?P<digest>sha256:[0-9a-f]{64}))?")


class Reference(msgspec.Struct, frozen=True):
    """`repo:tag`, `repo@digest`, or both: then the digest counts."""

    repo: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        """Return it as it is written."""
        return self.repo + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


class Image(msgspec.Struct, frozen=True):
    """An image in the registry: what it was named, what that is, its manifests by digest, and its layers' names."""

    reference: Reference
    top: Descriptor
    index: Index | None
    manifests: dict[str, Manifest]
    titles: dict[str, str]

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """The layers, the same on every platform (`laws.check_index` sees to it)."""
        return next(iter(self.manifests.values())).layers

    def title(self, layer: Descriptor) -> str:
        """Return `layer models/model.safetensors (sha256:...)`."""
        name = self.titles.get(layer.digest, "")
        called = {"": "", ".": "of small files "}.get(name, f"{name} ")
        return f"layer {called}({layer.digest})"


def parse(text: str) -> Reference:
    """Read a reference. Raises CliError (usage)."""
    found = _REFERENCE.fullmatch(text)
    if found is None or not (found["tag"] or found["digest"]):
        raise usage(f"{text!r} names no image: write REPO:TAG or REPO@sha256:<64 hex digits>")
    try:
        names.folder(found["repo"])
        return Reference(found["repo"], names.tag(found["tag"]) if found["tag"] else "", found["digest"] or "")
    except ValueError as error:
        raise usage(str(error)) from error


def find(store: Store, reference: Reference) -> Image:
    """Return the image. Raises CliError when it, or one of its manifests, is not there or damaged."""
    registry, repo = store.registry, reference.repo
    try:
        top = registry.resolve(repo, reference.digest or reference.tag)
        if top is None:
            cure = "`shale get mv -A` shows which images there are"
            raise CliError(f"{reference} is not in the registry {store.where}: {cure}")
        document = _document(registry, repo, top.digest)
        if isinstance(document, Manifest):
            return Image(reference, top, None, {top.digest: document}, _titles(registry, repo, top, document))
        found = {entry.digest: _manifest(registry, repo, entry.digest) for entry in document.manifests}
        if not found:
            raise CliError(f"{reference} names an index without images: nothing to pull")
        return Image(reference, top, document, found, _titles(registry, repo, top, None))
    except ValueError as error:
        raise CliError(f"{reference}: {error}") from error


def blocks(registry: Registry, image: Image, layer: Descriptor) -> Iterator[bytes]:
    """Yield a layer's bytes, hashed on their way. Raises CliError by the layer's name: not there, or damaged.

    What was yielded is only to be trusted once this has ended.
    """
    found = registry.pull(image.reference.repo, layer.digest)
    if found is None:
        raise CliError(f"{image.title(layer)} of {image.reference} is not there: pack it again (`shale retry mv/NAME`)")
    hasher = digests.Hasher()
    for block in found:
        hasher.update(block)
        yield block
    if complaints := laws.check_named(layer, hasher.digest, hasher.size):
        cure = "delete that blob and pack it again (`shale retry mv/NAME`)"
        raise CliError(f"{image.title(layer)} of {image.reference} is damaged: {'; '.join(complaints)}: {cure}")


def check_plain(image: Image, layer: Descriptor) -> None:
    """Raise CliError when a layer is compressed, which none of ours is: its digest and all others are new then."""
    packed = layer.media_type.rpartition("+")[2]
    if packed in _COMPRESSED:
        how = "copy the image with `shale copy`, or with skopeo's --preserve-digests"
        raise CliError(
            f"{image.title(layer)} of {image.reference} is compressed ({packed}) by whoever copied it: {how}"
        )


def model_pack(registry: Registry, repo: str, index: Descriptor) -> Manifest | None:
    """Return the ModelPack manifest over an image's blobs, found among what names the image as its subject."""
    for entry in referrers(registry, repo, index.digest):
        if entry.artifact_type == MODEL_MANIFEST:
            document = _document(registry, repo, entry.digest)
            return document if isinstance(document, Manifest) else None
    return None


def _titles(registry: Registry, repo: str, top: Descriptor, own: Manifest | None) -> dict[str, str]:
    """Return the layers' names, as the ModelPack manifest has them."""
    pack = own if own and own.artifact_type == MODEL_MANIFEST else model_pack(registry, repo, top)
    return {layer.digest: (layer.annotations or {}).get(FILEPATH, "") for layer in pack.layers} if pack else {}


def _manifest(registry: Registry, repo: str, digest: str) -> Manifest:
    document = _document(registry, repo, digest)
    if not isinstance(document, Manifest):
        raise CliError(f"{digest} in {repo} is an index within an index: no image of Shale's is")
    return document


def _document(registry: Registry, repo: str, digest: str) -> Manifest | Index:
    data = registry.manifest(repo, digest)
    if data is None:
        raise CliError(f"the manifest {digest} is not in {repo}: pack it again (`shale retry mv/NAME`)")
    return manifest.parse(data)
