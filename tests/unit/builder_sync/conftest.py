"""What is packed here: a folder with a model, read by the real source, into a registry that is a folder."""

import os
from itertools import count
from pathlib import Path

import pytest

from shale.builder_sync.pack import pack_layer, scan_source
from shale.builder_sync.results import Listed
from shale.contracts.about import About
from shale.contracts.jobs import PackLayer
from shale.oci import plan
from shale.oci.layout import Layout
from shale.oci.limits import limits_of
from shale.sources import roots
from shale.sources.schemes import open_source
from shale.sources.source import Unscannable

REPO, URI = "team/resnet", "file:///models/resnet"
TREE = {"config.json": b"{}", "onnx/model.onnx": b"x" * 100, "model.safetensors": bytes(range(256)) * 65_600}


class World:
    """A folder with a model, a registry, and what lies where."""

    def __init__(self, path: Path, *, hash_first: bool):
        self.hash_first = hash_first
        self.folder = path / "models" / "resnet"
        self.registry = Layout(path / "registry")
        self.store = path / "registry"
        self._written = count(1)
        for name, data in TREE.items():
            self.write(name, data)
        source = open_source(URI, roots.parse(f"/models={path}/models"))
        assert not isinstance(source, Unscannable)
        self.source = source

    def write(self, name, data):
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)
        second = next(self._written) * 10**9  # a disk's own clock may tick only every few milliseconds
        os.utime(self.folder / name, ns=(second, second))

    def jobs(self, include="", exclude=""):
        """Return the jobs that image-builder would ask for."""
        listed = scan_source(self.source, include, exclude)
        assert isinstance(listed, Listed)
        layers = plan.plan_layers(listed.files, listed.small, limits_of(""))
        assert isinstance(layers, tuple)
        about = About("modelversion", "team", "mv-1", "uid", 1)
        return [PackLayer(about, layer.part, URI, REPO, layer, include, exclude) for layer in layers]

    def pack(self, job, progress=print, *keeping):
        return pack_layer(job, self.source, self.registry, progress, *keeping, hash_first=self.hash_first)

    def files(self):
        return [path for path in self.store.rglob("*") if path.is_file()]


@pytest.fixture(params=[True, False], ids=["hashed first", "streamed"])
def world(request, tmp_path):
    return World(tmp_path, hash_first=request.param)


@pytest.fixture
def hashing(tmp_path):
    """Return a world where layers are hashed first."""
    return World(tmp_path, hash_first=True)


@pytest.fixture
def streaming(tmp_path):
    """Return a world where layers are hashed while they are sent."""
    return World(tmp_path, hash_first=False)
