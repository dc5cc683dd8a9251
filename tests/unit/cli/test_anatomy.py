"""What an image is made of, told without reading its weights."""

import json
import os

import pytest

from shale.cli import anatomy, images
from shale.cli.commands import inspect
from shale.cli.common import Common, Output
from shale.cli.registries import Store
from shale.oci.descriptor import IMAGE_LAYER, MODEL_MANIFEST, TENSORS, Descriptor
from shale.oci.layout import Layout
from shale.oci.manifest import Manifest, canonical
from shale.oci.registry import Pushed, push
from shale.testkit.images import publish
from shale.testkit.tensors import checkpoint, random_tensors

REPO = "models/x"
SMALL = {"config.json": b"{}\n", "vocab/a.txt": b"a\n"}
WEIGHTS = {"model.safetensors": os.urandom(1 << 20) * 9}


@pytest.fixture
def registry(tmp_path):
    """Return a registry with two versions that share their weights."""
    layout = Layout(tmp_path)
    publish(layout, REPO, "v1", SMALL, weights=WEIGHTS)
    publish(layout, REPO, "v2", {**SMALL, "config.json": b"{ }\n"}, weights=WEIGHTS)
    return layout


def look(registry, name=f"{REPO}:v1"):
    store = Store(registry, "here")
    return anatomy.look(store, images.find(store, images.parse(name)))


def test_both_platforms_and_the_model_pack_hang_below_the_index(registry):
    found = look(registry)
    assert [one.what for one in found.manifests] == ["linux/amd64", "linux/arm64"]
    assert [one.what for one in found.referrers] == [MODEL_MANIFEST]
    layers = [layer.digest for layer in found.layers]
    assert [one.layers for one in (*found.manifests, *found.referrers)] == [layers] * 3
    assert len({one.config for one in (*found.manifests, *found.referrers)}) == 3


def test_each_layer_has_its_name_its_files_and_who_shares_it(registry):
    small, weights = look(registry).layers
    assert {entry.path for entry in small.files} >= {"models/config.json", "models/vocab/a.txt", "kubedl-model"}
    assert next(entry for entry in small.files if entry.path == "kubedl-model").link == "models"
    assert [(entry.path, entry.size) for entry in weights.files] == [("models/model.safetensors", 9 << 20)]
    assert weights.name == "models/model.safetensors"
    assert (small.shared_with, weights.shared_with) == ([], ["v2"])


def test_weights_are_not_read(registry, monkeypatch):
    fetched = []

    class Counting(anatomy.Ranged):
        def close(self):
            fetched.append(self.fetched)
            super().close()

    monkeypatch.setattr(anatomy, "Ranged", Counting)
    look(registry)
    assert max(fetched) <= 3 << 20


def test_an_image_of_one_platform_and_a_model_pack_are_looked_at_too(registry):
    found = look(registry, f"{REPO}:v1-modelpack")
    assert [one.what for one in found.manifests] == [MODEL_MANIFEST]
    assert [layer.name for layer in found.layers] == ["several files", "models/model.safetensors"]


def pushed(registry, data) -> Pushed:
    done = push(registry, REPO, data)
    assert isinstance(done, Pushed)
    return done


def test_a_layer_that_is_compressed_or_gone_says_so(registry):
    config, blob = pushed(registry, b"{}"), pushed(registry, b"\x1f\x8b" + bytes(40))
    layers = tuple(Descriptor(kind, blob.digest, blob.size) for kind in (f"{IMAGE_LAYER}+gzip", IMAGE_LAYER))
    document = Manifest(Descriptor("application/x", config.digest, config.size), layers, schema_version=2)
    data = canonical(document)
    registry.put_manifest(REPO, data, "application/vnd.oci.image.manifest.v1+json", "foreign")
    first, second = look(registry, f"{REPO}:foreign").layers
    assert (first.files, first.unlisted) == ([], f"{IMAGE_LAYER}+gzip is not listed")
    assert "it is no tar" in second.unlisted
    registry.delete(REPO, blob.digest)
    assert "is not there any more" in look(registry, f"{REPO}:foreign").layers[0].unlisted


def test_more_files_than_are_listed_are_said_to_be_there(registry, monkeypatch):
    monkeypatch.setattr(anatomy, "MOST_FILES", 2)
    small = look(registry).layers[0]
    assert (len(small.files), small.more) == (2, True)


@pytest.fixture
def shown(registry, tmp_path, capsys, monkeypatch):
    """Return what `shale inspect` prints."""
    assert registry.tags(REPO)

    def show(name=f"{REPO}:v1", output: Output = "table"):
        monkeypatch.setenv("SHALE_LAYOUT_DIR", str(tmp_path))
        assert inspect.run(Common(output=output), inspect.Options(name)) == 0
        return capsys.readouterr().out

    return show


def test_a_person_sees_a_tree(shown):
    said = shown()
    lines = said.splitlines()
    assert lines[0].startswith(f"{REPO}:v1  sha256:")
    assert "2 layers" in lines[0]
    for word in ("linux/amd64", "ModelPack manifest", "layers 1, 2", "shared with v2", "models/vocab/a.txt", "9Mi"):
        assert word in said
    assert "of this image alone" in said


def test_a_person_sees_a_few_files_of_many_and_all_when_asked(shown, monkeypatch):
    monkeypatch.setattr(inspect, "SHOWN", 1)
    assert "others" in shown()
    assert "others" not in shown(output="wide")


def test_a_program_reads_all_of_it(shown):
    tree = json.loads(shown(output="json"))
    assert {"image", "digest", "bytes", "manifests", "referrers", "layers", "tags", "allTags"} <= tree.keys()
    assert tree["layers"][1]["sharedWith"] == ["v2"]
    assert tree["allTags"] == 4


def test_a_layer_with_a_tensor_table_says_so(registry, tmp_path, monkeypatch, capsys):
    publish(registry, REPO, "v3", SMALL, weights={"model.safetensors": checkpoint(random_tensors("ab", 900))})
    found = look(registry, f"{REPO}:v3")
    small, weights = found.layers
    assert [one.what for one in found.referrers if one.what == TENSORS] == [TENSORS]
    assert (small.table, registry.has(REPO, weights.table) is not None) == ("", True)
    monkeypatch.setenv("SHALE_LAYOUT_DIR", str(tmp_path))
    assert inspect.run(Common(), inspect.Options(f"{REPO}:v3")) == 0
    assert f"tensor table  {weights.table}" in capsys.readouterr().out
