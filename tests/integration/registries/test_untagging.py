"""Untagging where only digests can be deleted: by half, it is done again."""

from shale.oci import digest, manifest
from shale.oci.descriptor import IMAGE_MANIFEST, Descriptor
from shale.oci.registry import push
from shale.testkit import front

REPO = "team/resnet"


def test_a_manifest_that_went_without_its_tag_is_put_and_deleted_again(rough):
    """docker-registry 2.8.2 does that to one of two clients that untag at once (3 of 25 times)."""
    push(rough.registry, REPO, b"{}")
    config = Descriptor("application/octet-stream", digest.of(b"{}"), 2)
    rough.registry.put_manifest(REPO, manifest.canonical(manifest.Manifest(config, (config,), 2)), IMAGE_MANIFEST, "v1")
    rough.front.on("DELETE .*/manifests/sha256:", front.pass_on)
    rough.front.on("DELETE .*/manifests/sha256:", front.answer(404))
    assert rough.registry.untag(REPO, "v1") is True
    assert rough.registry.tags(REPO) == ()
    assert rough.registry.resolve(REPO, "v1") is None
