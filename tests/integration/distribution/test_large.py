"""Bodies that are too large for a proxy: sent smaller where that does, said with the cure where it does not."""

import msgspec
import pytest

from shale.oci import digest, manifest
from shale.oci.descriptor import IMAGE_MANIFEST, Descriptor
from shale.oci.profiles import DISTRIBUTION, GHCR, Profile
from shale.oci.refusal import Refused
from shale.oci.registry import Data, Pushed, push
from shale.testkit import front
from shale.testkit.bodies import left

REPO = "team/resnet"
KiB = 2**10
BLOB = bytes(range(256)) * 8192
PUSHED = Pushed(digest.of(BLOB), len(BLOB))
PARTS = msgspec.structs.replace(DISTRIBUTION, part_bytes=512 * KiB, least_part=160 * KiB)


def limited(rough, most):
    """Let no body pass that is larger, as nginx does by what its head says."""

    def narrow(exchange):
        too_large = len(exchange.body) > most
        (front.answer(413, {"Content-Type": "text/html"}, b"<html>nginx") if too_large else front.pass_on)(exchange)

    rough.front.default = narrow


def sizes(rough):
    return [len(one.body) for one in rough.front.seen if one.method in {"PATCH", "PUT"} and one.body]


@pytest.fixture
def rough(distribution_behind):
    return distribution_behind("plain", profile=lambda _: PARTS)


@pytest.mark.parametrize("most", [400 * KiB, 256 * KiB, 200 * KiB, 160 * KiB])
@pytest.mark.parametrize("size", [len(BLOB), 500 * KiB], ids=["in parts", "whole"])
def test_what_is_too_large_is_sent_smaller(rough, most, size):
    limited(rough, most)
    data = BLOB[:size]
    assert push(rough.registry, REPO, data) == Pushed(digest.of(data), size)
    assert b"".join(rough.registry.pull(REPO, digest.of(data))) == data


def test_what_was_learnt_once_counts_for_the_next_blobs(rough):
    limited(rough, 256 * KiB)
    push(rough.registry, REPO, BLOB)
    assert sum(size > 256 * KiB for size in sizes(rough)) == 1
    push(rough.registry, REPO, BLOB[::-1])
    push(rough.registry, REPO, BLOB[: 500 * KiB])
    assert sum(size > 256 * KiB for size in sizes(rough)) == 1


def test_what_is_sent_smaller_can_be_taken_up(rough):
    limited(rough, 256 * KiB)
    place = left(rough.registry, REPO, BLOB, 1000 * KiB)
    assert place
    with rough.registry.upload(REPO, place=place) as upload:
        assert upload.send(Data(BLOB)) == PUSHED


def test_a_first_part_that_is_lost_while_parts_get_smaller_is_sent_again(rough):
    limited(rough, 256 * KiB)
    rough.front.on("^PATCH ", front.answer(413))
    rough.front.on("^PATCH ", front.lose_body(1000))
    assert push(rough.registry, REPO, BLOB) == PUSHED


@pytest.mark.parametrize("size", [len(BLOB), 500 * KiB], ids=["in parts", "whole"])
def test_what_even_the_smallest_part_is_too_large_for_is_said(rough, size):
    limited(rough, 100 * KiB)
    with pytest.raises(
        Refused, match=rf"answers 413 when we send {160 * KiB} bytes as a part: raise the limit"
    ) as raised:
        push(rough.registry, REPO, BLOB[:size])
    assert raised.value.why.reason == "TooLarge"
    assert "nginx: client_max_body_size" in raised.value.why.message
    assert rough.front.count("^DELETE .*/uploads/") == 1


def test_a_registry_that_wants_larger_parts_than_a_proxy_lets_through_is_said(rough):
    rough.front.on("^POST ", front.with_headers({"OCI-Chunk-Min-Length": str(400 * KiB)}))
    limited(rough, 300 * KiB)
    with pytest.raises(Refused, match="answers 413"):
        push(rough.registry, REPO, BLOB)


def sent(registry, known):
    with registry.upload(REPO, known) as upload:
        upload.send(Data(BLOB))


@pytest.mark.parametrize("known", [PUSHED, None], ids=["known", "not known"])
def test_where_blobs_go_whole_only_it_is_said(distribution_behind, known):
    whole = msgspec.structs.replace(GHCR, api="", part_bytes=512 * KiB)
    rough = distribution_behind("plain", profile=lambda _: whole)
    limited(rough, 1000 * KiB)
    with pytest.raises(Refused, match="answers 413 when we send a blob whole"):
        sent(rough.registry, known)


def test_a_manifest_that_is_too_large_is_said(rough):
    named = Descriptor("application/octet-stream", digest.of(b"{}"), 2)
    push(rough.registry, REPO, b"{}")
    limited(rough, 10)
    data = manifest.canonical(manifest.Manifest(named, (named,), 2))
    with pytest.raises(Refused, match="answers 413 when we put sha256:") as raised:
        rough.registry.put_manifest(REPO, data, IMAGE_MANIFEST)
    assert raised.value.why.reason == "TooLarge"


def test_no_part_of_a_real_registry_goes_below_what_its_storage_takes():
    assert Profile("any").least_part == 5 * KiB * KiB
