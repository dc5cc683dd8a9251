"""Packs a folder and publishes its image without services: `standin.py MODEL IMAGE THREADS LAYOUT`."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shale.builder_sync.pack import pack_layer, scan_source
from shale.builder_sync.results import Listed
from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.jobs import PackLayer
from shale.oci import manifest, plan
from shale.oci.limits import limits_of
from shale.oci.refusal import NoAccess
from shale.oci.registry import Registry, push
from shale.registries.opening import open_for_person
from shale.registries.settings import RegistrySettings
from shale.registries.target import Target
from shale.sources.roots import parse
from shale.sources.schemes import open_source
from shale.sources.source import Unscannable

ABOUT = About("modelversion", "bench", "mv", "uid", 1)


def main(model: Path, image: str, threads: int) -> None:
    """Pack and publish."""
    repo, _, tag = image.rpartition(":")
    registry = open_for_person(Target(repo), RegistrySettings(), os.environ, Path("/nonexistent"))
    uri = f"file:///{model.name}"
    source = open_source(uri, parse(f"/{model.name}={model}"))
    assert not isinstance(source, Unscannable), source
    assert not isinstance(registry, NoAccess), registry
    found = scan_source(source)
    assert isinstance(found, Listed)
    again = bool(registry.tags(repo))  # where a version is, most of it may be there
    layers = plan.plan_layers(found.files, found.small, limits_of(""))
    assert isinstance(layers, tuple)

    def packed(layer: Layer) -> PackedLayer:
        job = PackLayer(ABOUT, layer.part, uri, repo, layer)
        done = pack_layer(job, source, registry, lambda _: None, hash_first=again)
        assert isinstance(done, PackedLayer), done
        return done

    with ThreadPoolExecutor(threads) as pool:
        publish(registry, repo, tag, list(pool.map(packed, layers)))


def publish(registry: Registry, repo: str, tag: str, layers: list[PackedLayer]) -> None:
    """Publish the image over its layers."""
    documents = manifest.build(layers, tag)
    for blob in documents.blobs:
        push(registry, repo, blob.data, blob.descriptor.digest)
    by_digest = {one.descriptor.digest: one for one in documents.manifests}
    for one in documents.manifests:
        registry.put_manifest(repo, one.data, one.descriptor.media_type)
    for name, named in documents.tags:
        registry.put_manifest(repo, by_digest[named.digest].data, named.media_type, name)


if __name__ == "__main__":
    if sys.argv[4] != "files":
        raise SystemExit(f"layout: {sys.argv[4]} is not served")
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
