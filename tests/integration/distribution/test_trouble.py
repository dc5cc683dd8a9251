"""A real registry behind a server that drops, delays, truncates, is busy and lies: bytes arrive, or it is said."""

import pytest

from shale.contracts.errors import Transient
from shale.oci import digest, manifest
from shale.oci.descriptor import IMAGE_MANIFEST, Descriptor
from shale.oci.distribution.patience import Patience
from shale.oci.registry import BLOCK, NoRangesError, Pushed, push
from shale.testkit import front

REPO = "team/resnet"
BLOB = bytes(range(256)) * 8192  # two MiB: four parts
NAME = digest.of(BLOB)
WHOLE = Pushed(NAME, len(BLOB))
SMALL = b"small" * 100


def read(registry, name=NAME, offset=0):
    return b"".join(registry.pull(REPO, name, offset))


def a_manifest(registry):
    named = [Descriptor("application/octet-stream", digest.of(data), len(data)) for data in (b"{}", SMALL)]
    for data in (b"{}", SMALL):
        push(registry, REPO, data)
    return manifest.canonical(manifest.Manifest(named[0], (named[1],), 2))


PULLS = [
    pytest.param([front.drop], id="the connection drops before the answer"),
    pytest.param([front.truncate(0)], id="the answer ends before its first byte"),
    pytest.param([front.truncate(700_000)], id="the answer ends in the middle"),
    pytest.param([front.truncate(n) for n in (1, 2**20, 3, 2**19)], id="the answer ends again and again"),
    pytest.param([front.answer(500), front.answer(503)], id="the registry fails twice"),
    pytest.param([front.answer(429, {"Retry-After": "0"})], id="the registry asks for patience"),
    pytest.param([front.truncate(5), front.ignore_range], id="a range is answered with the whole"),
    pytest.param([front.delay(0.2)], id="the answer is late"),
    pytest.param([front.truncate(9), front.with_headers({"Content-Range": "bytes 99-1/*"})], id="a range is another"),
    pytest.param([front.truncate(9), front.with_headers({}, "Content-Range")], id="a range does not say where it is"),
    pytest.param([front.truncate(9), front.answer(416)], id="a range is refused"),
    pytest.param([front.answer(200, {}, b"less")], id="fewer bytes come than were promised"),
]


@pytest.mark.parametrize("troubles", PULLS)
@pytest.mark.parametrize("offset", [0, 300_000])
def test_a_blob_arrives_whole_although(rough, troubles, offset):
    push(rough.registry, REPO, BLOB)
    for trouble in troubles:
        rough.front.on(f"GET .*/blobs/{NAME}", trouble)
    assert read(rough.registry, NAME, offset) == BLOB[offset:]


def test_a_blob_longer_than_it_says_is_cut_to_its_size(rough):
    push(rough.registry, REPO, BLOB)
    rough.front.on(f"GET .*/blobs/{NAME}", front.answer(200, {}, BLOB + b"more"))
    assert read(rough.registry) == BLOB


def test_a_blob_that_is_taken_up_is_asked_for_from_where_it_broke(rough):
    push(rough.registry, REPO, BLOB)
    rough.front.on("GET .*/blobs/", front.truncate(BLOCK))
    assert read(rough.registry) == BLOB
    ranges = [one.headers.get("Range") for one in rough.front.seen if one.method == "GET" and "blobs" in one.path]
    assert ranges == [None, f"bytes={BLOCK}-"]


def another_range(reply):
    return front.Reply(206, reply.headers | {"Content-Range": "bytes 5-9/10"}, b"12345")


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        pytest.param(front.drop, "broke the connection off, at byte 0", id="drops each time"),
        pytest.param(front.answer(503), "is busy: 503, at byte 0", id="is busy each time"),
        pytest.param(front.edit(another_range), "another range than it was asked for", id="gives another range"),
    ],
)
def test_who_never_gives_a_blob_is_given_up_after_a_few_tries(rough, trouble, said):
    push(rough.registry, REPO, BLOB)
    rough.front.on("GET .*/blobs/", trouble, times=99)
    with pytest.raises(Transient, match=said):
        read(rough.registry)
    assert rough.front.count("GET .*/blobs/") == 4


def says_size(size):
    return front.with_headers({"Content-Length": str(size)}, "Content-Length")


@pytest.mark.parametrize("size", [len(BLOB) - 1, len(BLOB) + 1, 1, 2**40])
def test_who_lies_about_the_size_of_a_blob_is_not_believed(rough, size):
    push(rough.registry, REPO, BLOB)
    rough.front.on(f"^HEAD .*/blobs/{NAME}", says_size(size))
    with pytest.raises(Transient, match="another range than it was asked for"):
        read(rough.registry)
    assert read(rough.registry) == BLOB


def says_range(last):
    return front.with_headers({"Range": f"0-{last}"}, "Range")


@pytest.mark.parametrize("last", [2**30, 5], ids=["more than was sent", "less than it had"])
def test_who_says_what_cannot_be_of_what_it_holds_is_asked_again(rough, last):
    rough.front.on("^PATCH ", front.pass_on)
    rough.front.on("^PATCH ", says_range(last))
    assert push(rough.registry, REPO, BLOB) == WHOLE


def test_who_says_what_could_be_of_what_it_holds_is_sent_the_blob_again(rough):
    """It is sent on from there, and that is out of step."""
    rough.front.on("^PATCH ", front.pass_on)
    rough.front.on("^PATCH ", says_range(2**19))
    with pytest.raises(Transient, match="of an upload"):
        push(rough.registry, REPO, BLOB)
    assert rough.registry.has(REPO, NAME) is None
    assert push(rough.registry, REPO, BLOB) == WHOLE


PUSHES = [
    pytest.param("POST", front.drop, id="the beginning is dropped"),
    pytest.param("POST", front.lose_answer, id="the answer to the beginning is lost"),
    pytest.param("POST", front.answer(503), id="the registry is busy at the beginning"),
    pytest.param("PATCH", front.drop, id="a part is dropped before it is sent"),
    pytest.param("PATCH", front.answer(429, {"Retry-After": "0"}), id="the registry is busy at a part"),
    pytest.param("PATCH", front.lose_answer, id="the answer to the first part is lost"),
    pytest.param("PATCH", front.lose_body(300_000), id="the first part is cut"),
    pytest.param("PATCH", front.delay(0.2), id="a part is slow"),
    pytest.param("PATCH", front.answer(416), id="a part is called out of step"),
    pytest.param("PUT", front.drop, id="the end is dropped"),
    pytest.param("PUT", front.lose_answer, id="the answer to the end is lost"),
    pytest.param("PUT", front.answer(502), id="a proxy fails at the end"),
    pytest.param("HEAD", front.answer(500), id="a question fails"),
]


@pytest.mark.parametrize(("method", "trouble"), PUSHES)
@pytest.mark.parametrize("data", [SMALL, BLOB], ids=["small", "large"])
def test_a_blob_is_pushed_whole_although(rough, method, trouble, data):
    rough.front.on(f"^{method} ", trouble)
    assert push(rough.registry, REPO, data) == Pushed(digest.of(data), len(data))
    assert read(rough.registry, digest.of(data)) == data


@pytest.mark.parametrize("trouble", [front.lose_answer, front.lose_body(1000)], ids=["its answer", "its body"])
def test_a_blob_is_begun_anew_after_a_later_part_that_loses(rough, trouble):
    """docker-registry 2.8.2 gives an upload up when it holds more than its last answer said (mended in 3.0, #3755)."""
    rough.front.on("^PATCH ", front.pass_on)
    rough.front.on("^PATCH ", trouble)
    assert push(rough.registry, REPO, BLOB) == WHOLE
    assert rough.front.count("^POST ") == 2
    assert read(rough.registry) == BLOB


def test_a_registry_that_loses_an_upload_again_and_again_is_left_to_the_caller(rough):
    def loses_later_parts(exchange):
        first = exchange.method != "PATCH" or exchange.headers["Content-Range"].startswith("0-")
        (front.pass_on if first else front.lose_answer)(exchange)

    rough.front.default = loses_later_parts
    with pytest.raises(Transient, match="held of an upload is lost: it is sent again"):
        push(rough.registry, REPO, BLOB)
    assert rough.front.count("^POST ") == 3


def test_other_bytes_than_were_sent_are_sent_again(rough):
    def spoil(exchange):
        reply = exchange.forward(body=b"x" * len(exchange.body))
        exchange.reply(reply.status, reply.headers, reply.data)

    rough.front.on("^PUT .*uploads", spoil)
    assert push(rough.registry, REPO, SMALL) == Pushed(digest.of(SMALL), len(SMALL))
    rough.front.on("^PATCH ", spoil)
    with pytest.raises(Transient, match="holds other bytes than were sent"):
        push(rough.registry, REPO, BLOB)
    assert push(rough.registry, REPO, BLOB) == WHOLE


def test_a_registry_that_asks_for_long_patience_is_left_to_the_caller(rough):
    rough.front.on("^POST ", front.answer(429, {"Retry-After": "120"}, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}'))
    with pytest.raises(Transient, match="is busy: 429 TOOMANYREQUESTS") as raised:
        push(rough.registry, REPO, SMALL)
    assert raised.value.after == 120
    assert rough.front.count("^POST ") == 1


@pytest.mark.parametrize(
    "trouble",
    [front.drop, front.truncate(10), front.answer(500), front.lose_answer],
    ids=["dropped", "truncated", "failed", "lost"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_a_manifest_comes_through(rough, method, trouble):
    data = a_manifest(rough.registry)
    rough.front.on(f"^{method} .*/manifests/", trouble)
    described = rough.registry.put_manifest(REPO, data, IMAGE_MANIFEST, "v1")
    assert described == rough.registry.resolve(REPO, "v1") == Descriptor(IMAGE_MANIFEST, digest.of(data), len(data))
    assert rough.registry.manifest(REPO, digest.of(data)) == data


def test_a_manifest_with_other_bytes_than_its_digest_names_is_not_taken(rough):
    data = a_manifest(rough.registry)
    rough.registry.put_manifest(REPO, data, IMAGE_MANIFEST)
    rough.front.on("^GET .*/manifests/", front.edit(lambda reply: front.Reply(200, reply.headers, b"{}")))
    with pytest.raises(ValueError, match=r"is damaged: .* holds bytes whose digest is"):
        rough.registry.manifest(REPO, digest.of(data))


def test_a_manifest_of_a_registry_that_names_no_digest_is_hashed(rough):
    data = a_manifest(rough.registry)
    rough.registry.put_manifest(REPO, data, IMAGE_MANIFEST, "v1")
    for _ in range(2):
        rough.front.on("/manifests/", front.with_headers({}, "Docker-Content-Digest"))
    assert rough.registry.resolve(REPO, "v1") == Descriptor(IMAGE_MANIFEST, digest.of(data), len(data))


def test_a_missing_blob_that_is_there_is_a_race_and_tried_again(rough):
    data = a_manifest(rough.registry)
    race = b'{"errors":[{"code":"DIGEST_INVALID"},{"code":"MANIFEST_BLOB_UNKNOWN"}]}'
    rough.front.on("^PUT .*/manifests/", front.answer(400, {}, race))
    assert isinstance(rough.registry.put_manifest(REPO, data, IMAGE_MANIFEST), Descriptor)


def test_a_blob_that_came_between_the_two_questions_is_found(rough):
    """docker-registry 2.8 answers 500 where a manifest is asked for by a blob's digest."""
    push(rough.registry, REPO, BLOB)
    rough.front.calm()
    rough.front.on("^HEAD .*/blobs/", front.answer(404))
    assert rough.registry.has(REPO, NAME) == len(BLOB)
    assert rough.front.count("^HEAD .*/manifests/") == 1


def test_a_peer_that_is_half_gone_is_given_up_in_time(distribution_behind):
    patience = Patience(tries=2, first=0.01, longest=0.01, connect=1, read=0.3, commit=0.3)
    rough = distribution_behind("plain", patience=patience)
    rough.front.on("^HEAD ", front.hang, times=9)
    with pytest.raises(Transient, match="does not answer in time"):
        rough.registry.has(REPO, NAME)
    assert rough.front.count("^HEAD ") == 1


def test_a_commit_that_hangs_is_given_up_in_time(distribution_behind):
    patience = Patience(tries=2, first=0.01, longest=0.01, connect=1, read=5, commit=0.3)
    rough = distribution_behind("plain", patience=patience)
    rough.front.on("^PUT ", front.hang, times=9)
    with pytest.raises(Transient, match="does not answer in time"):
        push(rough.registry, REPO, SMALL)


OTHER_PARTS = [
    pytest.param(front.ignore_range, id="the whole"),
    pytest.param(front.with_headers({"Content-Range": f"bytes 0-99/{len(BLOB)}"}), id="a part that begins elsewhere"),
    pytest.param(front.answer(206, {"Content-Range": f"bytes 100-900/{len(BLOB)}"}, BLOB[100:901]), id="a longer part"),
]


@pytest.mark.parametrize("trouble", OTHER_PARTS)
def test_who_asks_for_a_part_and_gets_something_else_is_told_so(rough, trouble):
    push(rough.registry, REPO, BLOB)
    rough.front.on(f"GET .*/blobs/{NAME}", trouble, times=9)
    with pytest.raises(NoRangesError, match="another range"):
        list(rough.registry.pull(REPO, NAME, 100, 200))


@pytest.mark.parametrize("trouble", [front.drop, front.truncate(70), front.answer(503)])
def test_a_part_arrives_although(rough, trouble):
    push(rough.registry, REPO, BLOB)
    rough.front.on(f"GET .*/blobs/{NAME}", trouble)
    assert b"".join(rough.registry.pull(REPO, NAME, 100, 200)) == BLOB[100:200]
    asked = [one.headers["Range"] for one in rough.front.seen if one.method == "GET" and "Range" in one.headers]
    assert set(asked) <= {"bytes=100-199", "bytes=170-199"}
