"""podman pulls what we pushed to a real registry: every file byte for byte, for both platforms."""

import os

import pytest

from shale.contracts.artifact import PackedLayer
from shale.oci import digest, manifest, tarball
from shale.oci.registry import Missing, Pushed, push
from shale.oci.tarball import Content, Entry
from shale.testkit.dockerregistry import PASSWORD, USER
from shale.testkit.podman import Podman

REPO, TAG = "models/resnet", "v1"
WEIGHTS = os.urandom(3 * 2**20)
TREE = {
    "config.json": b'{"architectures": ["Tiny"]}',
    "onnx/model.onnx": b"graph",
    "a name with blanks \N{SNOWMAN}.txt": b"unicode needs PAX",
    "empty": b"",
    "model.safetensors": WEIGHTS,
}
SMALL, LARGE = tuple(TREE)[:4], tuple(TREE)[4:]


def layer(registry, names, role, *, root):
    """Frame and push some files; return the layer."""
    entries = [Entry(name, size=len(TREE[name])) for name in names]
    if root:
        entries = [Entry("onnx", "directory", mode=0o755), *entries, Entry("latest", "symlink", link="config.json")]
    pieces = tarball.frame(entries, root=root)
    data = b"".join(TREE[one.path] if isinstance(one, Content) else one for one in pieces)
    pushed = push(registry, REPO, data)
    assert isinstance(pushed, Pushed)
    return PackedLayer(role, role, pushed.digest, pushed.size)


@pytest.fixture
def image(request, distribution_at):
    registry = distribution_at(request.param)
    layers = (layer(registry, SMALL, "small", root=True), layer(registry, LARGE, "weight", root=False))
    image = manifest.build(layers, TAG)
    for blob in image.blobs:
        push(registry, REPO, blob.data, blob.descriptor.digest)
    data = {one.descriptor.digest: one.data for one in image.manifests}
    for one in image.manifests:
        assert not isinstance(registry.put_manifest(REPO, one.data, one.descriptor.media_type), Missing)
    for tag, named in image.tags:
        registry.put_manifest(REPO, data[named.digest], named.media_type, tag)
    return image


@pytest.mark.parametrize(
    ("image", "flags"),
    [("plain", ()), ("token", ("--creds", f"{USER}:{PASSWORD}"))],
    ids=["plain", "token"],
    indirect=["image"],
)
def test_podman_pulls_both_platforms_byte_for_byte(image, flags, park, request, debian_tool, tmp_path):
    podman = Podman(debian_tool("podman"), tmp_path)
    kind = request.node.callspec.params["image"]
    name = f"{park.options(kind).home}/{REPO}:{TAG}"
    configs = [digest.hexadecimal(one.descriptor.digest) for one in image.blobs[:2]]
    for platform, config in zip(("linux/amd64", "linux/arm64"), configs, strict=True):
        pulled = podman.pull(name, platform, *flags)
        assert pulled == config
        assert podman.architecture(pulled) == platform
        top = podman.files(pulled)
        found = {str(path.relative_to(top / "models")): path for path in (top / "models").rglob("*") if path.is_file()}
        assert {name: path.read_bytes() for name, path in found.items()} == TREE | {"latest": TREE["config.json"]}
        assert (top / "models" / "latest").readlink().name == "config.json"
        assert (top / tarball.LINK).resolve() == top / "models"
