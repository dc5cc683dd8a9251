"""What we push, skopeo reads from the real registry byte for byte; what skopeo pushes, we read."""

import json
import subprocess

import pytest

from shale.contracts.artifact import PackedLayer
from shale.oci import digest, manifest
from shale.oci.layout import Layout
from shale.oci.registry import Missing, Pushed, push
from shale.testkit.dockerregistry import PASSWORD, USER

REPO, TAG = "models/resnet", "v1"
WEIGHTS = bytes(range(256)) * 10_000


def published(registry, repo=REPO):
    pushed = push(registry, repo, WEIGHTS)
    assert isinstance(pushed, Pushed)
    image = manifest.build((PackedLayer("model.bin", "weight", pushed.digest, pushed.size),), TAG)
    for blob in image.blobs:
        push(registry, repo, blob.data, blob.descriptor.digest)
    documents = {one.descriptor.digest: one for one in image.manifests}
    for one in image.manifests:
        assert not isinstance(registry.put_manifest(repo, one.data, one.descriptor.media_type), Missing)
    for tag, named in image.tags:
        registry.put_manifest(repo, documents[named.digest].data, named.media_type, tag)
    return image


def run(*command):
    done = subprocess.run(command, timeout=100, check=False, capture_output=True)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout


@pytest.fixture(params=["plain", "tls", "htpasswd", "token"])
def reached(request, park, distribution_at):
    """A door, and how skopeo reaches the same registry."""
    registry = distribution_at(request.param)
    flags = ["--creds", f"{USER}:{PASSWORD}"] if request.param in {"htpasswd", "token"} else []
    return registry, f"docker://{park.options(request.param).home}/{REPO}", flags


@pytest.mark.parametrize("tag", [TAG, f"{TAG}-modelpack"])
def test_skopeo_finds_each_tag_byte_for_byte(reached, debian_tool, tag):
    registry, name, flags = reached
    image = published(registry)
    wanted = {name: named.digest for name, named in image.tags}[tag]
    by_digest = {one.descriptor.digest: one.data for one in image.manifests}
    skopeo = (debian_tool("skopeo"), "--insecure-policy", "inspect", "--tls-verify=false", *flags)
    assert run(*skopeo, "--raw", f"{name}:{tag}") == by_digest[wanted]


def test_skopeo_copies_all_platforms_and_every_byte_stays(reached, debian_tool, tmp_path):
    registry, name, flags = reached
    image = published(registry)
    source = ("--src-tls-verify=false", *(flag.replace("--creds", "--src-creds") for flag in flags))
    copy = ("copy", "--all", "--preserve-digests", *source, f"{name}:{TAG}", f"oci:{tmp_path}/copy:{TAG}")
    run(debian_tool("skopeo"), "--insecure-policy", *copy)
    index = json.loads((tmp_path / "copy" / "index.json").read_text())
    assert [entry["digest"] for entry in index["manifests"]] == [image.index.digest]
    blob = tmp_path / "copy" / "blobs" / "sha256" / digest.hexadecimal(digest.of(WEIGHTS))
    assert blob.read_bytes() == WEIGHTS


def test_what_skopeo_pushes_is_read_by_us(distribution_at, park, debian_tool, tmp_path):
    registry, layout = distribution_at("plain"), Layout(tmp_path)
    image = published(layout)
    target = f"docker://{park.options('plain').home}/{REPO}:{TAG}"
    copy = ("copy", "--all", "--preserve-digests", "--dest-tls-verify=false", f"oci:{tmp_path / REPO}:{TAG}", target)
    run(debian_tool("skopeo"), "--insecure-policy", *copy)
    assert registry.resolve(REPO, TAG) == image.index
    assert b"".join(registry.pull(REPO, digest.of(WEIGHTS))) == WEIGHTS


@pytest.mark.parametrize("tagged", [True, False])
def test_collecting_untagged_manifests_takes_the_images_of_an_index_unless_they_have_tags(
    distribution_at, park, tagged
):
    """docker-registry 2.8.2 does not look into an OCI index: what is only named there counts as untagged."""
    registry = distribution_at("plain")
    image = published(registry)
    images = image.manifests[:2]
    for at, document in enumerate(images if tagged else ()):
        registry.put_manifest(REPO, document.data, document.descriptor.media_type, f"{TAG}-{at}")
    assert "blobs marked" in park.running("plain").collect()
    assert registry.resolve(REPO, TAG) == image.index
    for document in images:
        assert registry.manifest(REPO, document.descriptor.digest) == (document.data if tagged else None)
    assert b"".join(registry.pull(REPO, digest.of(WEIGHTS))) == WEIGHTS
