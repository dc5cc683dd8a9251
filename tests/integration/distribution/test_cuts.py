"""A process that is gone in the middle of a removal: whoever comes next ends it, and is told the truth."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shale.contracts.errors import Transient
from shale.image_builder import erase
from shale.oci import digest, manifest
from shale.oci.descriptor import IMAGE_MANIFEST, Descriptor
from shale.oci.distribution.patience import Patience
from shale.oci.distribution.registry import Distribution
from shale.oci.registry import push
from shale.testkit import front

REPO = "team/resnet"
ONCE = Patience(tries=1, first=0.01, longest=0.01, connect=5, read=30, commit=30)
MOST = 40
"""More requests than any removal takes."""


def put(registry, name=b"one", tag=None, subject=None):
    config = Descriptor("application/octet-stream", digest.of(name), len(name))
    push(registry, REPO, name)
    document = manifest.Manifest(config, (config,), 2, "application/vnd.example.table", subject)
    found = registry.put_manifest(REPO, manifest.canonical(document), IMAGE_MANIFEST, tag)
    assert isinstance(found, Descriptor)
    return found


class Cut:
    """From the nth request on nobody comes through; of the nth itself perhaps only the answer is lost."""

    def __init__(self, after, heard):
        self.left, self._heard = after, heard

    def __call__(self, exchange):
        self.left -= 1
        if self.left >= 0:
            return front.pass_on(exchange)
        return front.lose_answer(exchange) if self.left == -1 and self._heard else front.drop(exchange)


def cut_off(rough, park, work, after, heard):
    """Do a work with a process that ends after some requests; say whether it came to its end before."""
    rough.front.default = cut = Cut(after, heard)
    process = Distribution(park.options("plain", home=rough.front.host, patience=ONCE))
    try:
        work(process)
    except Transient:
        return False
    finally:
        process.close()
        rough.front.default = front.pass_on
    return cut.left >= 0


@pytest.mark.parametrize("heard", [False, True], ids=["the request is lost", "the answer is lost"])
def test_untagging_is_ended_wherever_it_was_cut(rough, park, heard):
    registry = rough.registry
    for after in range(MOST):
        named = put(registry, b"one", "v1")
        put(registry, b"one", "v2")
        if cut_off(rough, park, lambda process: process.untag(REPO, "v1"), after, heard):
            assert after > 4
            break
        before = registry.resolve(REPO, "v1")
        assert before in {named, None}, f"cut after {after}, the tag names what nobody pushed"
        done = registry.untag(REPO, "v1")
        assert done is True or before is None, f"cut after {after}, the tag stood and was not taken away"
        assert registry.resolve(REPO, "v1") is None
        assert registry.tags(REPO) == ("v2",)
        assert registry.resolve(REPO, "v2") == named
    else:
        pytest.fail(f"an untagging takes more than {MOST} requests")


def test_a_release_ends_what_another_release_left_half_done(rough, park):
    """It finds a tag that names nothing, and which is listed still."""
    registry = rough.registry
    for after in range(MOST):
        ours = frozenset({put(registry, b"one", "v1").digest})
        if cut_off(rough, park, lambda process, ours=ours: erase._untag(process, REPO, "v1", ours), after, heard=True):  # noqa: SLF001
            break
        assert erase._untag(registry, REPO, "v1", ours) == ()  # noqa: SLF001
        assert registry.tags(REPO) == (), f"cut after {after}, a tag is left"
    else:
        pytest.fail(f"it takes more than {MOST} requests")


@pytest.mark.parametrize("heard", [False, True], ids=["the request is lost", "the answer is lost"])
def test_a_referrer_is_listed_no_more_wherever_its_deletion_was_cut(rough, park, heard):
    registry = rough.registry
    subject = put(registry, b"subject")
    for after in range(MOST):
        listed = put(registry, b"two", None, subject)
        if cut_off(rough, park, lambda process, name=listed.digest: process.delete(REPO, name), after, heard):
            assert after > 4
            break
        registry.delete(REPO, listed.digest)
        assert registry.resolve(REPO, listed.digest) is None
        assert registry.referrers(REPO, subject.digest) == (), f"cut after {after}, what is gone is listed"
    else:
        pytest.fail(f"a deletion takes more than {MOST} requests")


def test_two_images_of_the_same_bytes_go_at_once(distribution_at, park):
    """docker-registry 2.8.2 answers 400 to one of two that delete the same manifest at once."""
    doors = [distribution_at("plain"), Distribution(park.options("plain"))]
    for _ in range(10):
        put(doors[0], b"one", "v1")
        named = put(doors[0], b"one", "v2")

        def gone(door, name=named.digest):
            tag = f"v{doors.index(door) + 1}"
            return door.untag(REPO, tag), door.delete(REPO, name)

        with ThreadPoolExecutor(2) as pool:
            told = list(pool.map(gone, doors))
        assert {one for pair in told for one in pair} <= {True, False}
        assert doors[0].resolve(REPO, named.digest) is None
        assert doors[0].tags(REPO) == ()
    doors[1].close()


def test_a_tag_that_somebody_moved_meanwhile_is_not_taken_for_one_that_was_cut(rough, park):
    registry = rough.registry
    put(registry, b"one", "v1")
    assert not cut_off(rough, park, lambda process: process.untag(REPO, "v1"), 8, heard=True)
    moved = put(registry, b"two", "v1")
    assert registry.resolve(REPO, "v1") == moved
