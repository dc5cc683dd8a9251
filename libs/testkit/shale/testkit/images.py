"""Small images for tests, pushed into any registry as the services push them."""

from collections.abc import Iterator, Mapping

from shale.builder_sync.tables import Tee, spans
from shale.contracts.artifact import PackedLayer
from shale.oci import digest, manifest, tarball
from shale.oci.manifest import Image
from shale.oci.registry import Pushed, Registry, push
from shale.oci.tarball import Content, Entry

Files = Mapping[str, bytes]


def publish(registry: Registry, repo: str, tag: str, small: Files, **weights: Files) -> Image:
    """Push an image whose first layer holds `small`, and each other one what is named; return its documents."""
    layers = [_layer(registry, repo, "small", small)]
    layers += [_layer(registry, repo, name, files) for files in weights.values() for name in (next(iter(files)),)]
    image = manifest.build(layers, tag)
    for blob in image.blobs:
        push(registry, repo, blob.data)
    tags = {named.digest: name for name, named in image.tags}
    for one in image.manifests:
        registry.put_manifest(repo, one.data, one.descriptor.media_type, tags.get(one.descriptor.digest))
    return image


def _layer(registry: Registry, repo: str, name: str, files: Files) -> PackedLayer:
    role = "small" if name == "small" else "weight"
    pushed = push(registry, repo, b"".join(_tar(files, root=role == "small")))
    if not isinstance(pushed, Pushed):
        raise TypeError(pushed)
    table = _table(files, pushed, root=role == "small")
    if table is None:
        return PackedLayer(name, role, pushed.digest, pushed.size)
    push(registry, repo, table)
    return PackedLayer(name, role, pushed.digest, pushed.size, table=digest.of(table), table_size=len(table))


def _table(files: Files, pushed: Pushed, *, root: bool) -> bytes | None:
    tee = Tee(spans(_entries(files), root=root))
    tee.hear(0, b"".join(_tar(files, root=root)))
    return tee.table(pushed)


def _entries(files: Files) -> list[Entry]:
    return [Entry(path, "file", len(data)) for path, data in files.items()]


def _tar(files: Files, *, root: bool) -> Iterator[bytes]:
    entries = _entries(files)
    for piece in tarball.frame(entries, root=root):
        yield files[piece.path] if isinstance(piece, Content) else piece
