"""Images are read back by programs that know nothing of Shale: skopeo 1.9.3 and umoci 0.4.7 of Debian 12."""

import json
import os
import subprocess

import pytest

from shale.builder_sync.pack import Listed, pack_layer, scan_source
from shale.contracts.about import About
from shale.contracts.jobs import PackLayer
from shale.oci import manifest, plan
from shale.oci.layout import Layout
from shale.oci.limits import limits_of
from shale.oci.registry import push
from shale.sources import roots
from shale.sources.schemes import open_source

REPO, TAG, URI = "localhost:5000/models/resnet", "v1", "file:///models/resnet"
WEIGHTS = os.urandom(2**20) * 17
TREE = {
    "config.json": b'{"architectures": ["Tiny"]}',
    "a name with blanks \N{SNOWMAN}.txt": b"unicode needs PAX",
    "d" * 120 + "/" + "f" * 120: b"so does a long name",
    "empty": b"",
    "onnx/model.onnx": b"graph",
    "model-00001-of-00002.safetensors": WEIGHTS,
    "model-00002-of-00002.safetensors": WEIGHTS[::-1],
}


@pytest.fixture(scope="module", params=[True, False], ids=["hashed first", "streamed"])
def image(request, tmp_path_factory):
    """Pack a model as the services do, and publish its image; return the layout's folder and the documents."""
    top = tmp_path_factory.mktemp("road")
    model = top / "models" / "resnet"
    for name, data in TREE.items():
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(data)
    (model / "hollow").mkdir()
    (model / "latest.safetensors").symlink_to("model-00001-of-00002.safetensors")
    (model / "empty").chmod(0o755)
    registry, source = Layout(top / "registry"), open_source(URI, roots.parse(f"/models={top}/models"))
    return top / "registry" / "localhost+5000" / "models" / "resnet", publish(
        registry, pack(registry, source, first=request.param)
    )


def pack(registry, source, *, first):
    found = scan_source(source)
    assert isinstance(found, Listed)
    about = About("modelversion", "team", "mv-1", "uid", 1)
    layers = plan.plan_layers(found.files, found.small, limits_of(""))
    assert isinstance(layers, tuple)
    jobs = [PackLayer(about, layer.part, URI, REPO, layer) for layer in layers]
    return [pack_layer(job, source, registry, list[int]().append, hash_first=first) for job in jobs]


def publish(registry, packed):
    documents = manifest.build(packed, TAG)
    for blob in documents.blobs:
        push(registry, REPO, blob.data, blob.descriptor.digest)
    by_digest = {one.descriptor.digest: one for one in documents.manifests}
    for one in documents.manifests:
        assert registry.put_manifest(REPO, one.data, one.descriptor.media_type) == one.descriptor
    for tag, named in documents.tags:
        registry.put_manifest(REPO, by_digest[named.digest].data, named.media_type, tag)
    return documents


def run(*command):
    done = subprocess.run(command, timeout=100, check=False, capture_output=True)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout


@pytest.mark.parametrize("tag", [TAG, f"{TAG}-modelpack"])
def test_skopeo_finds_each_tag_byte_for_byte(image, debian_tool, tag):
    folder, documents = image
    wanted = {name: named.digest for name, named in documents.tags}[tag]
    by_digest = {one.descriptor.digest: one.data for one in documents.manifests}
    raw = run(debian_tool("skopeo"), "--insecure-policy", "inspect", "--raw", f"oci:{folder}:{tag}")
    assert raw == by_digest[wanted]


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_skopeo_inspects_the_image_of_each_platform(image, debian_tool, architecture):
    folder, _ = image
    flags = ("--insecure-policy", "--override-os", "linux", "--override-arch", architecture)
    found = json.loads(run(debian_tool("skopeo"), *flags, "inspect", f"oci:{folder}:{TAG}"))
    assert (found["Architecture"], found["Os"], len(found["Layers"])) == (architecture, "linux", 3)
    assert "MODEL_PATH=/models" in found["Env"]


def test_skopeo_copies_all_platforms_and_every_digest_stays(image, debian_tool, tmp_path):
    folder, documents = image
    copy = ("copy", "--all", "--preserve-digests", f"oci:{folder}:{TAG}", f"oci:{tmp_path}/copy:{TAG}")
    run(debian_tool("skopeo"), "--insecure-policy", *copy)
    index = json.loads((tmp_path / "copy" / "index.json").read_text())
    assert [entry["digest"] for entry in index["manifests"]] == [documents.index.digest]


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_umoci_unpacks_every_file_byte_for_byte(image, debian_tool, tmp_path, architecture):
    folder, _ = image
    one = f"oci:{tmp_path}/one:{TAG}"  # umoci 0.4.7 reads no index of platforms
    flags = ("--insecure-policy", "--override-os", "linux", "--override-arch", architecture)
    run(debian_tool("skopeo"), *flags, "copy", "--preserve-digests", f"oci:{folder}:{TAG}", one)
    run(debian_tool("umoci"), "unpack", "--rootless", "--image", f"{tmp_path}/one:{TAG}", f"{tmp_path}/bundle")
    root = tmp_path / "bundle" / "rootfs"
    for name, data in TREE.items():
        assert (root / "models" / name).read_bytes() == data
    assert (root / "kubedl-model" / "onnx" / "model.onnx").read_bytes() == b"graph"
    assert (root / "models" / "hollow").is_dir()
    assert (root / "models" / "latest.safetensors").read_bytes() == WEIGHTS
    assert (root / "models" / "empty").stat().st_mode & 0o777 == 0o755
    assert (root / "models" / "config.json").stat().st_mode & 0o777 == 0o644


def test_umoci_reads_the_tags_as_they_lie_there(image, debian_tool):
    folder, _ = image
    assert run(debian_tool("umoci"), "list", "--layout", str(folder)).decode().split() == [TAG, f"{TAG}-modelpack"]
