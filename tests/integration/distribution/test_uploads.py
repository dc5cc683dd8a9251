"""Uploads as registries want them: in parts of their size, whole, taken up again, given up; real and played."""

from contextlib import suppress
from hashlib import sha256

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.oci.profiles import ARTIFACT_REGISTRY, ECR, GHCR
from shale.oci.registry import Data, Mismatch, Pushed, push
from shale.testkit import front
from shale.testkit.bodies import Cut, Enough, left, send_some
from shale.testkit.front import Front
from shale.testkit.registries import PATIENCE

REPO = "team/resnet"
BLOB = bytes(range(256)) * 8192
PUSHED = Pushed(digest.of(BLOB), len(BLOB))
PART = 2**19


def profile(base, **changes):
    return lambda _: msgspec.structs.replace(base, part_bytes=PART, api="", **changes)


def spans(rough):
    return [one.headers.get("Content-Range") for one in rough.front.seen if one.method == "PATCH"]


def test_a_blob_of_one_part_is_sent_by_one_put(rough):
    push(rough.registry, REPO, BLOB[:PART])
    assert [one.method for one in rough.front.seen if "/blobs/" in one.path] == ["POST", "PUT"]


def test_parts_say_where_they_lie(rough):
    push(rough.registry, REPO, BLOB[: 2 * PART + 5])
    assert spans(rough) == [f"0-{PART - 1}", f"{PART}-{2 * PART - 1}", f"{2 * PART}-{2 * PART + 4}"]


def test_parts_are_as_large_as_the_registry_wants_them(rough):
    rough.front.on("^POST ", front.with_headers({"OCI-Chunk-Min-Length": "700001"}))
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert spans(rough) == ["0-700000", "700001-1400001", f"1400002-{len(BLOB) - 1}"]


def test_who_takes_an_upload_up_sends_parts_as_large_as_the_registry_wants_them(rough):
    place = left(rough.registry, REPO, BLOB, PART)
    rough.front.calm()
    rough.front.on("^GET .*/uploads/", front.with_headers({"OCI-Chunk-Min-Length": "700001"}))
    with rough.registry.upload(REPO, place=place) as upload:
        assert upload.send(Data(BLOB)) == PUSHED
    assert spans(rough)[0] == f"{PART}-{PART + 700_000}"


def test_a_registry_that_wants_larger_parts_than_there_are_bytes_gets_one(rough):
    rough.front.on("^POST ", front.with_headers({"OCI-Chunk-Min-Length": str(2**40)}))
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert spans(rough) == [f"0-{len(BLOB) - 1}"]


def test_each_part_is_one_request_of_known_length_and_no_byte_is_read_twice(rough):
    body = Cut(BLOB, 70_000)
    assert push(rough.registry, REPO, body) == PUSHED
    patches = [one for one in rough.front.seen if one.method == "PATCH"]
    assert [one.headers["Content-Length"] for one in patches] == [str(PART)] * 4
    assert body.opened == [0]


def test_what_was_lost_of_a_part_is_read_again_from_there(rough):
    rough.front.on("^PATCH ", front.pass_on)
    rough.front.on("^PATCH ", front.drop)
    body = Cut(BLOB, 70_000)
    assert push(rough.registry, REPO, body) == PUSHED
    assert body.opened == [0, PART]
    assert spans(rough)[1:3] == [f"{PART}-{2 * PART - 1}"] * 2


def test_what_is_left_is_given_up(rough):
    with rough.registry.upload(REPO) as upload:
        send_some(upload, BLOB, 2 * PART)
    assert rough.front.count("^DELETE .*/uploads/") == 1


def test_what_is_kept_is_not_given_up(rough):
    assert left(rough.registry, REPO, BLOB, 2 * PART)
    assert rough.front.count("^DELETE") == 0


def test_nothing_is_kept_before_the_first_part(rough):
    assert left(rough.registry, REPO, BLOB[:PART], 1) == ""
    assert rough.front.count("/v2/team") == 0


def test_who_is_stopped_in_a_part_ends_it(rough):
    """docker-registry 2.8.2 loses an upload of which a part is cut (mended in 3.0, distribution #3755)."""
    place = left(rough.registry, REPO, Cut(BLOB, 70_000), PART + 100_000)
    assert [len(one.body) for one in rough.front.seen if one.method == "PATCH"] == [PART, PART]
    rough.front.calm()
    with rough.registry.upload(REPO, place=place) as upload:
        assert upload.send(Data(BLOB)) == PUSHED
    assert spans(rough)[0] == f"{2 * PART}-{3 * PART - 1}"


def test_who_takes_an_upload_up_reads_all_and_sends_only_the_rest(rough):
    place = left(rough.registry, REPO, BLOB, 3 * PART)
    rough.front.calm()
    body = Cut(BLOB, 70_000)
    with rough.registry.upload(REPO, place=place) as upload:
        assert upload.send(body, PUSHED.digest) == PUSHED
    assert spans(rough) == [f"{3 * PART}-{4 * PART - 1}"]
    assert body.opened == [0]


def test_a_place_that_moved_on_is_begun_afresh(rough):
    """Who crashed after a part and before it kept the new place comes with the old one; 2.8.2 knows only the newest."""
    places = []
    with rough.registry.upload(REPO) as upload:

        def note(done):
            places.append(upload.place())
            if done >= 3 * PART:
                raise Enough

        with suppress(Enough):
            upload.send(Data(BLOB), moved=note)
        upload.keep()
    old = next(filter(None, places))
    assert old != upload.place()
    with rough.registry.upload(REPO, place=old) as upload:
        assert upload.send(Data(BLOB)) == PUSHED


def test_a_place_is_good_in_its_own_repository_only(rough):
    place = left(rough.registry, REPO, BLOB, 2 * PART)
    with pytest.raises(ValueError, match="a place in team/resnet is none in team/other"), \
            rough.registry.upload("team/other", place=place):  # fmt: skip
        pass


def test_an_upload_that_holds_more_than_there_is_now_is_begun_afresh(rough):
    place = left(rough.registry, REPO, BLOB, 3 * PART)
    fewer = BLOB[: 2 * PART + 1]
    with rough.registry.upload(REPO, place=place) as upload:
        assert upload.send(Data(fewer)) == Pushed(digest.of(fewer), len(fewer))
    assert rough.front.count("^DELETE .*/uploads/") == 1
    assert rough.registry.has(REPO, PUSHED.digest) is None


def test_a_mismatch_gives_the_upload_up_even_when_it_is_kept(rough):
    place = left(rough.registry, REPO, BLOB, 3 * PART)
    with rough.registry.upload(REPO, place=place) as upload:
        assert upload.keep()
        assert upload.send(Data(BLOB), digest.of(b"other")) == Mismatch(digest.of(b"other"), PUSHED.digest)
        assert upload.keep() == ""
    assert rough.front.count("^DELETE .*/uploads/") == 1


def test_what_is_there_already_when_it_was_sent_is_not_published_again(rough):
    push(rough.registry, REPO, BLOB)
    rough.front.calm()
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert (rough.front.count("^PUT "), rough.front.count("^DELETE .*/uploads/")) == (0, 1)
    assert b"".join(rough.registry.pull(REPO, PUSHED.digest)) == BLOB


# --- registries that take a blob only whole


@pytest.mark.parametrize("base", [GHCR, ARTIFACT_REGISTRY], ids=["GHCR", "Artifact Registry"])
def test_what_is_known_goes_whole_in_one_put_of_known_length(distribution_behind, base):
    rough = distribution_behind("plain", profile=profile(base))
    rough.front.on("^PATCH ", front.answer(400))
    with rough.registry.upload(REPO, PUSHED) as upload:
        assert upload.send(Cut(BLOB, 70_000), PUSHED.digest) == PUSHED
    put = next(one for one in rough.front.seen if one.method == "PUT")
    assert put.headers["Content-Length"] == str(len(BLOB))
    assert b"".join(rough.registry.pull(REPO, PUSHED.digest)) == BLOB


def test_what_is_not_known_goes_whole_in_one_patch_of_known_length(distribution_behind):
    """As skopeo sends it: with no range, for that is what a part has."""
    rough = distribution_behind("plain", profile=profile(GHCR))
    assert push(rough.registry, REPO, BLOB) == PUSHED
    patches = [one for one in rough.front.seen if one.method == "PATCH"]
    assert [one.headers["Content-Length"] for one in patches] == [str(len(BLOB))]
    assert spans(rough) == [None]


def sent(registry, known):
    with registry.upload(REPO, known) as upload:
        return upload.send(Cut(BLOB, 70_000))


@pytest.mark.parametrize("known", [PUSHED, None], ids=["known", "not known"])
def test_a_blob_that_is_left_half_way_is_no_blob(distribution_behind, known):
    rough = distribution_behind("plain", profile=profile(GHCR))
    with rough.registry.upload(REPO, known) as upload:
        send_some(upload, Cut(BLOB, 70_000), 3 * PART)
        assert upload.keep() == ""
    assert rough.registry.has(REPO, PUSHED.digest) is None
    assert push(rough.registry, REPO, BLOB) == PUSHED


@pytest.mark.parametrize("data", [BLOB[:-1], BLOB + b"more", BLOB[::-1]], ids=["fewer", "more", "other"])
def test_other_bytes_than_were_known_are_a_mismatch(distribution_behind, data):
    rough = distribution_behind("plain", profile=profile(GHCR))
    with rough.registry.upload(REPO, PUSHED) as upload:
        assert upload.send(Data(data)) == Mismatch(PUSHED.digest, digest.of(data))
    assert rough.registry.has(REPO, PUSHED.digest) is None


TROUBLES = [
    pytest.param(front.drop, "broke the connection off", id="drops"),
    pytest.param(front.answer(503), "is busy: 503", id="is busy"),
    pytest.param(front.lose_body(1_000_000), "broke the connection off", id="drops in the middle"),
]


@pytest.mark.parametrize(("trouble", "said"), TROUBLES)
@pytest.mark.parametrize("known", [PUSHED, None], ids=["known", "not known"])
def test_a_whole_blob_that_is_lost_is_sent_again(distribution_behind, known, trouble, said):
    rough = distribution_behind("plain", profile=profile(GHCR))
    rough.front.on("^(PUT|PATCH) ", trouble, times=2)
    assert sent(rough.registry, known) == PUSHED
    assert b"".join(rough.registry.pull(REPO, PUSHED.digest)) == BLOB
    assert said


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        *TROUBLES,
        pytest.param(front.answer(429, {"Retry-After": "7"}), "is busy: 429", id="asks for long patience"),
        pytest.param(front.hang, "does not answer in time", id="hangs"),
    ],
)
@pytest.mark.parametrize("known", [PUSHED, None], ids=["known", "not known"])
def test_a_whole_blob_that_is_lost_each_time_is_transient(distribution_behind, known, trouble, said):
    short = msgspec.structs.replace(PATIENCE, commit=0.5)
    rough = distribution_behind("plain", profile=profile(GHCR), patience=short)
    rough.front.on("^(PUT|PATCH) ", trouble, times=99)
    with pytest.raises(Transient, match=said):
        sent(rough.registry, known)
    assert rough.front.count("^(PUT|PATCH) ") <= PATIENCE.tries


# --- played registries


class Played(Front):
    """A registry that takes uploads as ECR does: 201 for a part, and a Range that stays where the first part ended."""

    def __init__(self):
        super().__init__()
        self.held, self.blobs, self.first = b"", {}, 0
        self.default = self.play

    def play(self, exchange):
        match exchange.method:
            case "POST":
                self.held = b""
                exchange.reply(202, {"Location": "/v2/upload/1?token=secret"})
            case "PATCH":
                self.held += exchange.body
                self.first = self.first or len(self.held)
                exchange.reply(201, {"Location": "/v2/upload/1?token=secret", "Range": f"0-{self.first - 1}"})
            case "PUT":
                data = self.held + exchange.body
                self.blobs["sha256:" + sha256(data).hexdigest()] = data
                asked = exchange.path.partition("digest=")[2]
                exchange.reply(201 if asked in self.blobs else 400)
            case _:
                name = exchange.path.rsplit("/", 1)[1]
                known = self.blobs.get(name)
                exchange.reply(404 if known is None else 200, {"Content-Length": str(len(known or b""))})


def test_a_range_that_stands_still_is_not_believed_where_it_is_known_to():
    with Played() as played:
        registry = Distribution(options_for(played, ECR))
        assert push(registry, REPO, BLOB) == PUSHED
        assert registry.has(REPO, PUSHED.digest) == len(BLOB)
        assert left(registry, REPO, BLOB[::-1], 2 * PART) == ""
        registry.close()


def test_a_busy_answer_to_a_part_is_waited_out_where_ranges_are_not_believed():
    with Played() as played:
        registry = Distribution(options_for(played, ECR))
        played.on("^PATCH ", front.answer(503), times=2)
        assert push(registry, REPO, BLOB) == PUSHED
        registry.close()


def test_a_part_whose_answer_is_lost_is_read_again_from_its_beginning_where_ranges_are_not_believed():
    with Played() as played:
        registry = Distribution(options_for(played, ECR))
        played.on("^PATCH ", played.play)
        played.on("^PATCH ", front.drop)
        body = Cut(BLOB, 70_000)
        assert push(registry, REPO, body) == PUSHED
        assert body.opened == [0, PART]
        assert played.count("^GET .*upload") == 0
        registry.close()


def test_a_part_that_came_twice_where_ranges_are_not_believed_is_not_published():
    with Played() as played:
        registry = Distribution(options_for(played, ECR))

        def taken_and_lost(exchange):
            played.held += exchange.body
            exchange.hang_up()

        played.on("^PATCH ", played.play)
        played.on("^PATCH ", taken_and_lost)
        with pytest.raises((Transient, ValueError)):
            push(registry, REPO, BLOB)
        assert registry.has(REPO, PUSHED.digest) is None
        assert push(registry, REPO, BLOB) == PUSHED
        registry.close()


def options_for(played, base):
    return Options(home=played.host, patience=PATIENCE, profile=profile(base))


def test_a_registry_that_took_less_of_a_part_is_sent_the_rest(rough):
    """A Range short of the part's end is the registry's word (distribution-spec, "Pushing a blob in chunks")."""

    def takes_less(exchange):
        held = exchange.forward(body=exchange.body[:1000])
        exchange.reply(held.status, held.headers)

    rough.front.on("^PATCH ", takes_less)
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert spans(rough)[:2] == [f"0-{PART - 1}", f"1000-{PART + 999}"]
