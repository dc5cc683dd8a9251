"""The door to registries: every adapter keeps these promises."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from shale.contracts.artifact import PackedLayer
from shale.contracts.errors import Transient
from shale.oci import digest, manifest
from shale.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, MODEL_MANIFEST, Descriptor
from shale.oci.layout import Layout
from shale.oci.registry import BLOCK, Data, Mismatch, Missing, Pushed, push
from shale.testkit import containers
from shale.testkit.bodies import Cut, Ended, left, send_some

REPO, OTHER = "team/resnet", "team/other"
WEIGHTS = b"weights" * 1000
LARGE = bytes(range(256)) * 8192
"""Two MiB: several parts."""
NOWHERE = digest.of(b"nobody pushed this")


@pytest.fixture(params=["layout", "plain", "tls", "htpasswd", "token", *containers.flavours()])
def registry(request, tmp_path):
    """One empty registry per adapter: the folder, and a real docker-registry in each way it may be reached."""
    if request.param == "layout":
        return Layout(tmp_path)
    if request.param == "container":
        return request.getfixturevalue("container_distribution")
    return request.getfixturevalue("distribution_at")(request.param)


def read(registry, repo, name, offset=0):
    return b"".join(registry.pull(repo, name, offset))


def pushed(registry, repo, body, expected=None):
    """Push a blob that nothing refuses."""
    found = push(registry, repo, body, expected)
    assert isinstance(found, Pushed)
    return found


def an_image(registry, repo=REPO, layer=WEIGHTS):
    """Push a layer and all documents over it; return the documents."""
    packed = pushed(registry, repo, layer)
    image = manifest.build((PackedLayer("model.bin", "weight", packed.digest, packed.size),), "v1")
    for blob in image.blobs:
        assert pushed(registry, repo, blob.data, blob.descriptor.digest).digest == blob.descriptor.digest
    return image


def publish(registry, image, repo=REPO):
    for document in image.manifests:
        found = registry.put_manifest(repo, document.data, document.descriptor.media_type)
        assert found == document.descriptor
    for tag, named in image.tags:
        data = registry.manifest(repo, named.digest)
        assert registry.put_manifest(repo, data, named.media_type, tag) == named


def test_a_blob_is_named_by_the_hash_of_its_bytes(registry):
    assert push(registry, REPO, WEIGHTS) == Pushed(digest.of(WEIGHTS), len(WEIGHTS))
    assert registry.has(REPO, digest.of(WEIGHTS)) == len(WEIGHTS)
    assert read(registry, REPO, digest.of(WEIGHTS)) == WEIGHTS


@pytest.mark.parametrize("cut", [1, 700, 7000, 10**6])
def test_a_blob_does_not_know_how_it_was_cut(registry, cut):
    """Its blocks lie in one buffer, which is used again as soon as the next is asked for."""
    assert push(registry, REPO, Cut(WEIGHTS, cut)) == Pushed(digest.of(WEIGHTS), len(WEIGHTS))
    assert read(registry, REPO, digest.of(WEIGHTS)) == WEIGHTS


def test_an_empty_blob_is_a_blob(registry):
    assert push(registry, REPO, b"") == Pushed(digest.of(b""), 0)
    assert read(registry, REPO, digest.of(b"")) == b""


def test_pushing_twice_is_pushing_once(registry):
    assert push(registry, REPO, WEIGHTS) == push(registry, REPO, WEIGHTS, digest.of(WEIGHTS))


def test_other_bytes_than_announced_are_not_published(registry):
    assert push(registry, REPO, b"other", digest.of(WEIGHTS)) == Mismatch(digest.of(WEIGHTS), digest.of(b"other"))
    assert registry.has(REPO, digest.of(WEIGHTS)) is None
    assert registry.has(REPO, digest.of(b"other")) is None


@pytest.mark.parametrize("data", [WEIGHTS, LARGE, b""], ids=["small", "large", "empty"])
def test_other_bytes_than_were_known_are_not_published(registry, data):
    known = Pushed(digest.of(b"known"), len(data))
    with registry.upload(REPO, known) as upload:
        assert upload.send(Data(data)) == Mismatch(known.digest, digest.of(data))
    assert registry.has(REPO, known.digest) is None
    assert registry.has(REPO, digest.of(data)) is None


@pytest.mark.parametrize("data", [WEIGHTS, LARGE], ids=["small", "large"])
def test_an_upload_that_is_left_leaves_nothing(registry, data):
    with registry.upload(REPO) as upload:
        send_some(upload, data, len(data) // 2)
    with pytest.raises(InterruptedError, match="of the body's own"):
        push(registry, REPO, Ended(data, len(data) // 2, InterruptedError("of the body's own")))
    assert registry.has(REPO, digest.of(data)) is None


@pytest.mark.parametrize("error", [BrokenPipeError, ConnectionResetError, TimeoutError, Transient, KeyError])
def test_what_a_body_raises_comes_through_as_it_is(registry, error):
    """Some of it looks like the network's own errors."""
    raised = error("of the body's own")
    with pytest.raises(error) as met:
        push(registry, REPO, Ended(LARGE, 700_000, raised))
    assert met.value is raised


@pytest.mark.parametrize("data", [WEIGHTS, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(("more", "said"), [(1, "ended after"), (-1, "has more")])
def test_a_body_that_is_not_of_its_size_is_not_published(registry, data, more, said):
    with pytest.raises(ValueError, match=said):
        push(registry, REPO, Cut(data, 1000, more=more))
    assert registry.has(REPO, digest.of(data)) is None
    assert registry.has(REPO, digest.of(data[:more])) is None


@pytest.mark.parametrize("data", [WEIGHTS, LARGE], ids=["small", "large"])
def test_who_sends_is_told_how_far_it_is(registry, data):
    told = []
    with registry.upload(REPO) as upload:
        upload.send(Cut(data, 1000), moved=told.append)
    assert told == sorted(told)
    assert told[-1] == len(data)
    assert len(told) >= len(data) // 1000


def finished(registry, place, data):
    with registry.upload(REPO, place=place) as upload:
        return upload.send(Cut(data, 100_000))


def test_an_upload_taken_up_at_its_place_ends_as_the_same_blob(registry):
    place = left(registry, REPO, LARGE, len(LARGE) // 2)
    assert registry.has(REPO, digest.of(LARGE)) is None
    assert finished(registry, place, LARGE) == Pushed(digest.of(LARGE), len(LARGE))
    assert read(registry, REPO, digest.of(LARGE)) == LARGE


def test_a_place_is_good_until_the_upload_ends_and_harmless_afterwards(registry):
    place = left(registry, REPO, LARGE, len(LARGE) // 2)
    for _ in range(2):
        assert finished(registry, place, LARGE) == Pushed(digest.of(LARGE), len(LARGE))


def test_an_upload_taken_up_with_other_bytes_publishes_none_of_the_old(registry):
    other = LARGE[::-1]
    place = left(registry, REPO, LARGE, len(LARGE) // 2)
    with suppress(Transient):
        finished(registry, place, other)
    assert finished(registry, place, other) == Pushed(digest.of(other), len(other))
    assert registry.has(REPO, digest.of(LARGE)) is None


@pytest.mark.parametrize("data", [WEIGHTS, LARGE], ids=["small", "large"])
def test_what_is_known_of_a_blob_changes_nothing(registry, data):
    known = Pushed(digest.of(data), len(data))
    with registry.upload(REPO, known) as upload:
        assert upload.send(Data(data)) == known
    assert read(registry, REPO, known.digest) == data


def test_nothing_keeps_out_who_may_push(registry):
    assert registry.check(REPO, push=True) is None
    publish(registry, an_image(registry))
    assert registry.check(REPO, push=False) is None


def test_what_nobody_pushed_is_not_there(registry):
    assert registry.has(REPO, NOWHERE) is None
    assert registry.pull(REPO, NOWHERE) is None
    assert registry.manifest(REPO, NOWHERE) is None
    assert registry.resolve(REPO, NOWHERE) is None
    assert registry.resolve(REPO, "v1") is None
    assert registry.tags(REPO) == ()
    assert not registry.delete(REPO, NOWHERE)
    assert not registry.untag(REPO, "v1")


@pytest.mark.parametrize("offset", [0, 1, 6999, 7000, 7001])
def test_a_blob_is_read_from_any_offset(registry, offset):
    push(registry, REPO, WEIGHTS)
    assert read(registry, REPO, digest.of(WEIGHTS), offset) == WEIGHTS[offset:]


def test_a_large_blob_is_read_in_bounded_blocks(registry):
    block = bytes(range(256)) * 4096
    large = pushed(registry, REPO, block * 5)
    sizes = [len(one) for one in registry.pull(REPO, large.digest)]
    assert sum(sizes) == 5 * len(block)
    assert max(sizes) <= BLOCK


def test_repositories_do_not_share_blobs_by_themselves(registry):
    push(registry, REPO, WEIGHTS)
    assert registry.has(OTHER, digest.of(WEIGHTS)) is None


def test_a_blob_is_mounted_from_another_repository(registry):
    push(registry, OTHER, WEIGHTS)
    assert registry.mount(REPO, digest.of(WEIGHTS), OTHER)
    assert registry.mount(REPO, digest.of(WEIGHTS), OTHER)
    assert read(registry, REPO, digest.of(WEIGHTS)) == WEIGHTS


def test_a_mounted_blob_outlives_the_one_it_came_from(registry):
    push(registry, OTHER, WEIGHTS)
    registry.mount(REPO, digest.of(WEIGHTS), OTHER)
    assert registry.delete(OTHER, digest.of(WEIGHTS))
    assert registry.has(OTHER, digest.of(WEIGHTS)) is None
    assert read(registry, REPO, digest.of(WEIGHTS)) == WEIGHTS


def test_what_is_not_there_has_to_be_sent(registry):
    assert not registry.mount(REPO, NOWHERE, OTHER)
    assert registry.has(REPO, NOWHERE) is None


def test_a_whole_image_is_published_and_found_by_tag_and_digest(registry):
    image = an_image(registry)
    publish(registry, image)
    assert registry.tags(REPO) == ("v1", "v1-modelpack")
    assert registry.resolve(REPO, "v1") == registry.resolve(REPO, image.index.digest) == image.index
    assert registry.resolve(REPO, "v1-modelpack") == image.model_pack
    for document in image.manifests:
        assert registry.manifest(REPO, document.descriptor.digest) == document.data
    assert registry.resolve(REPO, image.manifests[0].descriptor.digest).media_type == IMAGE_MANIFEST
    assert registry.resolve(REPO, "v1").media_type == IMAGE_INDEX


def test_publishing_twice_is_publishing_once(registry):
    image = an_image(registry)
    publish(registry, image)
    publish(registry, image)
    assert registry.tags(REPO) == ("v1", "v1-modelpack")


def test_a_manifest_without_its_blobs_is_refused_by_their_digests(registry):
    lost = Descriptor("application/octet-stream", NOWHERE, 7)
    data = manifest.canonical(manifest.Manifest(lost, (lost,), 2))
    assert registry.put_manifest(REPO, data, IMAGE_MANIFEST, "v1") == Missing((NOWHERE, NOWHERE))
    assert registry.resolve(REPO, "v1") is None
    assert registry.manifest(REPO, digest.of(data)) is None


def test_an_index_without_its_manifests_is_refused(registry):
    image = an_image(registry)
    named = tuple(one.descriptor.digest for one in image.manifests[:2])
    assert registry.put_manifest(REPO, image.manifests[2].data, IMAGE_INDEX, "v1") == Missing(named)


def test_the_subject_of_a_manifest_need_not_be_there(registry):
    pack = an_image(registry).manifests[3]
    assert registry.put_manifest(REPO, pack.data, IMAGE_MANIFEST) == pack.descriptor


def test_a_tag_moves_to_what_was_put_last(registry):
    first, second = an_image(registry, layer=b"one"), an_image(registry, layer=b"two")
    for image in (first, second):
        one = image.manifests[0]
        registry.put_manifest(REPO, one.data, IMAGE_MANIFEST, "latest")
        assert registry.resolve(REPO, "latest") == one.descriptor
    assert registry.tags(REPO) == ("latest",)
    assert registry.manifest(REPO, first.manifests[0].descriptor.digest) is not None


def test_an_untagged_manifest_stays_under_its_digest(registry):
    image = an_image(registry)
    publish(registry, image)
    assert registry.untag(REPO, "v1")
    assert registry.resolve(REPO, "v1") is None
    assert registry.resolve(REPO, image.index.digest) == image.index
    assert not registry.untag(REPO, "v1")


def test_a_deleted_manifest_takes_its_tags_along(registry):
    image = an_image(registry)
    publish(registry, image)
    registry.put_manifest(REPO, image.manifests[2].data, IMAGE_INDEX, "latest")
    assert registry.delete(REPO, image.index.digest)
    assert registry.tags(REPO) == ("v1-modelpack",)
    assert registry.resolve(REPO, image.index.digest) is None
    assert not registry.delete(REPO, image.index.digest)


def test_what_is_no_manifest_is_refused(registry):
    with pytest.raises(ValueError, match=r".+"):
        registry.put_manifest(REPO, b'{"schemaVersion":2}', IMAGE_MANIFEST, "v1")
    assert registry.tags(REPO) == ()


def test_many_threads_push_the_same_blob_and_different_tags(registry):
    image = an_image(registry)
    one = image.manifests[0]

    def work(number):
        assert pushed(registry, REPO, b"shared" * 5000).digest == digest.of(b"shared" * 5000)
        return registry.put_manifest(REPO, one.data, IMAGE_MANIFEST, f"t{number:02}")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(24))) == {one.descriptor}
    assert registry.tags(REPO) == tuple(f"t{number:02}" for number in range(24))


@pytest.mark.parametrize("repo", ["../outside", "a/../b", "/etc", "a/b:tag", "", "a/UPPER"])
def test_a_hostile_repository_is_refused_by_every_method(registry, repo):
    calls = (
        lambda: registry.has(repo, NOWHERE),
        lambda: registry.pull(repo, NOWHERE),
        lambda: push(registry, repo, b"x"),
        lambda: registry.mount(repo, NOWHERE, REPO),
        lambda: registry.mount(REPO, NOWHERE, repo),
        lambda: registry.resolve(repo, "v1"),
        lambda: registry.manifest(repo, NOWHERE),
        lambda: registry.untag(repo, "v1"),
        lambda: registry.delete(repo, NOWHERE),
        lambda: registry.tags(repo),
        lambda: registry.check(repo, push=True),
    )
    for call in calls:
        with pytest.raises(ValueError, match="is not a repository"):
            call()


@pytest.mark.parametrize("name", ["", "latest", "sha256:../../etc/passwd", "sha256:" + "G" * 64])
def test_what_is_no_digest_is_refused(registry, name):
    for call in (registry.has, registry.pull, registry.manifest, registry.delete):
        with pytest.raises(ValueError, match="is not a digest"):
            call(REPO, name)


@pytest.mark.parametrize("tag", ["", "../x", "a/b", "a b"])
def test_what_is_no_tag_is_refused(registry, tag):
    image = an_image(registry)
    with pytest.raises(ValueError, match="is not a tag"):
        registry.put_manifest(REPO, image.manifests[0].data, IMAGE_MANIFEST, tag)


@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 7000), (5, 5 + 700), (6999, 7000)])
def test_a_part_of_a_blob_ends_where_it_was_asked_to(registry, start, end):
    name = pushed(registry, REPO, WEIGHTS).digest
    assert b"".join(registry.pull(REPO, name, start, end)) == WEIGHTS[start:end]


def test_what_names_a_manifest_as_its_subject_is_found_tagged_or_not(registry):
    image = an_image(registry)
    publish(registry, image)
    packed = pushed(registry, REPO, b"a table")
    config = pushed(registry, REPO, b"{}")
    blobs = [Descriptor("application/x", one.digest, one.size) for one in (config, packed)]
    table = manifest.Manifest(blobs[0], (blobs[1],), 2, artifact_type="application/y", subject=image.index)
    named = registry.put_manifest(REPO, manifest.canonical(table), IMAGE_MANIFEST)
    found = {one.digest: one.artifact_type for one in registry.referrers(REPO, image.index.digest)}
    assert found == {named.digest: "application/y", image.model_pack.digest: MODEL_MANIFEST}
    assert registry.referrers(REPO, NOWHERE) == registry.referrers(OTHER, image.index.digest) == ()
    registry.delete(REPO, named.digest)
    assert [one.digest for one in registry.referrers(REPO, image.index.digest)] == [image.model_pack.digest]
