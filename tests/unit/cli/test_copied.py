"""An image that another tool copied in its own way is named as what it is."""

import re

import msgspec
import pytest

from shale.cli.commands.pull import pull
from shale.cli.commands.verify import verify
from shale.cli.exits import CliError
from shale.cli.registries import Store
from shale.oci import manifest
from shale.oci.descriptor import IMAGE_MANIFEST
from shale.oci.layout import Layout
from shale.oci.manifest import Index, Manifest
from shale.testkit.images import publish

REPO = "models/x"


def test_a_layer_that_somebody_compressed_is_named_as_that(tmp_path):
    registry = Layout(tmp_path / "registry")
    image = publish(registry, REPO, "v1", {"config.json": b"{}"}, weights={"model.bin": b"w" * 700})
    top = manifest.parse(registry.manifest(REPO, image.index.digest) or b"")
    assert isinstance(top, Index)
    one = manifest.parse(registry.manifest(REPO, top.manifests[0].digest) or b"")
    assert isinstance(one, Manifest)
    layers = tuple(msgspec.structs.replace(layer, media_type=f"{layer.media_type}+gzip") for layer in one.layers)
    data = manifest.canonical(msgspec.structs.replace(one, layers=layers))
    registry.put_manifest(REPO, data, IMAGE_MANIFEST, "copied")
    named = r"is compressed \(gzip\) by whoever copied it: copy the image with"
    with pytest.raises(CliError, match=named):
        pull(Store(registry, "here"), f"{REPO}:copied", tmp_path / "out")
    assert re.search(named, verify(Store(registry, "here"), f"{REPO}:copied").complaints[0])
