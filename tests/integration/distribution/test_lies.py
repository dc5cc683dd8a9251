"""A registry that lies about the range, loses an upload, asks for patience, is slow: a push ends, and honestly.

It ends with the blob whole, or with a word on why not, after a bounded number of requests; nothing else is published.

A real docker-registry (2.8.2) behind a front. Where a try is lost, the next one ends well. What is dropped, truncated
and answered 5xx is in test_trouble.py, who never answers in test_silence.py.
"""

import select
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.profiles import DISTRIBUTION
from shale.oci.registry import Data, Pushed, push
from shale.testkit import front
from shale.testkit.bodies import left
from shale.testkit.registries import PART, PATIENCE

REPO = "team/resnet"
BLOB = Random("lies").randbytes(4 * PART)  # no two parts alike: what is sent twice, or left out, is another blob
PUSHED = Pushed(digest.of(BLOB), len(BLOB))
SMALL = b"small" * 100
SEEN = "^GET .*/uploads/"
MOST = 24
"""More requests than any push of four parts makes, whatever is answered."""


def published(park):
    """Return the digests of all blobs that the registry keeps."""
    blobs = park.running("plain").folder / "data" / "docker" / "registry" / "v2" / "blobs" / "sha256"
    return {f"sha256:{path.parent.name}" for path in blobs.glob("*/*/data")}


def is_whole(rough, park, pushed=PUSHED, data=BLOB):
    return published(park) == {pushed.digest} and b"".join(rough.registry.pull(REPO, pushed.digest)) == data


def says(value, status=None):
    """Pass on, and say another range; None: no range."""

    def change(reply):
        kept = {name: one for name, one in reply.headers.items() if name != "Range"}
        return front.Reply(status or reply.status, kept | ({"Range": value} if value is not None else {}), reply.data)

    return front.edit(change)


def refuses(status, headers=None, code=""):
    return front.answer(status, headers, b'{"errors":[{"code":"%s"}]}' % code.encode() if code else b"")


NONSENSE = [
    pytest.param(None, id="no range"),
    pytest.param("", id="an empty one"),
    pytest.param("bananas", id="a word"),
    pytest.param("7-3", id="one that ends before it begins"),
    pytest.param(f"5-{PART}", id="one that does not begin at the beginning"),
    pytest.param("0-", id="one without an end"),
    pytest.param("0--1", id="one that ends below nothing"),
    pytest.param("0-" + "9" * 5000, id="one with more digits than a number has"),
]


@pytest.mark.parametrize("value", NONSENSE)
def test_nonsense_in_the_answer_to_a_part_is_no_word_on_what_is_held(rough, park, value):
    rough.front.on("^PATCH ", says(value), times=2)
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert (rough.front.count("^PATCH "), rough.front.count("^POST ")) == (4, 1)
    assert is_whole(rough, park)


@pytest.mark.parametrize("value", NONSENSE)
@pytest.mark.parametrize("status", [204, 416], ids=["found", "refused"])
def test_nonsense_where_it_is_asked_what_is_held_begins_the_upload_anew(rough, park, value, status):
    rough.front.on("^PATCH ", front.pass_on)
    rough.front.on("^PATCH ", front.drop)
    rough.front.on(SEEN, says(value, status))
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert (rough.front.count("^PATCH "), rough.front.count("^POST ")) == (6, 2)
    assert is_whole(rough, park)


ANSWERS = [
    pytest.param("0-0", "", id="as docker-registry says nothing"),
    pytest.param("0-5", "", id="less than was held before"),
    pytest.param(f"0-{2**40}", "", id="more than was sent"),
    pytest.param(f"0-{len(BLOB) - 1}", "", id="all of the blob"),
    pytest.param(f"0-{PART + 999}", "of an upload", id="a little of the part"),
    pytest.param(f"0-{2 * PART - 2}", "of an upload", id="all of the part but its last byte"),
]


def ends(rough, park, said, most=MOST):
    """Push; where that is lost with this word, nothing is published, and the next try ends well."""
    if said:
        with pytest.raises(Transient, match=said):
            push(rough.registry, REPO, BLOB)
        assert published(park) == set()
        assert rough.front.count(".") <= most
        rough.front.calm()
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert is_whole(rough, park)
    assert rough.front.count(".") <= most


@pytest.mark.parametrize(("value", "said"), ANSWERS)
def test_who_answers_a_part_with_another_range_than_it_holds(rough, park, value, said):
    rough.front.on("^PATCH ", front.pass_on)
    rough.front.on("^PATCH ", says(value))
    ends(rough, park, said)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param("0-5", "bytes of an upload", id="less than was held before"),
        pytest.param(f"0-{2**40}", "bytes of an upload", id="more than was sent"),
        pytest.param(f"0-{len(BLOB) - 1}", "bytes of an upload", id="all of the blob"),
        pytest.param(f"0-{PART + 2**18}", "holds other bytes than", id="some of what never came"),
    ],
)
def test_who_is_asked_what_it_holds_and_lies(rough, park, value, said):
    rough.front.on("^PATCH ", front.pass_on)
    rough.front.on("^PATCH ", front.drop)
    rough.front.on(SEEN, says(value))
    ends(rough, park, said)


TAKEN_UP = [  # docker-registry 2.8.2 adds a part to what it holds, wherever that says to begin
    pytest.param(says(f"0-{PART - 1}"), "of an upload", 1, id="an earlier offset"),
    pytest.param(says(f"0-{2 * PART - 2}"), "of an upload", 1, id="an offset that is one less"),
    pytest.param(says(f"0-{2 * PART}"), "holds other bytes than", 2, id="an offset that is one more"),
    pytest.param(says(f"0-{3 * PART - 1}"), "holds other bytes than", 2, id="a later offset"),
    pytest.param(says(f"0-{len(BLOB) - 1}"), "holds other bytes than were sent", 0, id="that all is there"),
    pytest.param(says(f"0-{len(BLOB)}"), "", 4, id="more than there is"),
    pytest.param(says("0-0"), "", 4, id="that nothing is there"),
    pytest.param(says("bananas"), "", 4, id="nonsense"),
    pytest.param(says(None), "", 4, id="no range"),
    pytest.param(refuses(404, code="BLOB_UPLOAD_UNKNOWN"), "", 4, id="that it lost the upload"),
    pytest.param(refuses(416), "", 4, id="that the range is none"),
]


@pytest.mark.parametrize(("lie", "said", "parts"), TAKEN_UP)
def test_an_upload_that_is_taken_up_where_its_registry_says(rough, park, lie, said, parts):
    place = left(rough.registry, REPO, BLOB, 2 * PART)
    rough.front.calm()
    rough.front.on(SEEN, lie)
    with rough.registry.upload(REPO, place=place) as upload:
        if said:
            with pytest.raises(Transient, match=said):
                upload.send(Data(BLOB))
        else:
            assert upload.send(Data(BLOB)) == PUSHED
    assert published(park) == (set() if said else {PUSHED.digest})
    assert rough.front.count("^PATCH ") == parts
    assert rough.front.count(".") <= MOST
    rough.front.calm()
    ends(rough, park, "")


LOST = [
    pytest.param([("^PATCH ", refuses(404, code="BLOB_UPLOAD_UNKNOWN"))], "", 1, id="says so at a part, wrongly"),
    pytest.param([("^PATCH ", refuses(404)), (SEEN, refuses(404))], "", 2, id="at a part"),
    pytest.param([("^PATCH ", front.drop), (SEEN, refuses(404))], "", 2, id="at a part that broke"),
    pytest.param([("^PATCH ", refuses(416))], "", 1, id="a part is out of step, without a range"),
    pytest.param([("^PATCH ", refuses(416, {"Range": f"0-{PART - 1}"}))], "", 1, id="a part is out of step, and where"),
    pytest.param([("^PATCH ", refuses(416, {"Range": "0-5"}))], "", 1, id="a part is out of step, and where not"),
    pytest.param([("^PUT ", refuses(404, code="BLOB_UPLOAD_UNKNOWN"))], "lost an upload", 1, id="at its end"),
    pytest.param([("^PUT ", refuses(416))], "lost an upload", 1, id="at its end, which is out of step"),
    pytest.param([("^PUT ", refuses(202))], "", 1, id="its end is only accepted"),
    pytest.param(
        [("^PUT ", front.edit(lambda it: front.Reply(202, it.headers, it.data)))], "", 1, id="done, it says 202"
    ),
    pytest.param([("^PUT ", front.edit(lambda _: front.Reply(204, {}, b"")))], "", 1, id="done, it says 204"),
    pytest.param(
        [("^PUT ", refuses(202))] * 9, "answers 202 to the end of an upload", 1, id="all it ever does is accept"
    ),
    pytest.param([("^PATCH ", refuses(404)), (SEEN, refuses(404))] * 9, "is sent again", 5, id="again and again"),
    pytest.param([("^PATCH ", refuses(404))] * 9, "lost an upload", 1, id="says so at each part, wrongly"),
]


@pytest.mark.parametrize(("troubles", "said", "begun"), LOST)
def test_a_registry_that_loses_an_upload(rough, park, troubles, said, begun):
    rough.front.on("^PATCH ", front.pass_on)
    for pattern, trouble in troubles:
        rough.front.on(pattern, trouble)
    if said:
        with pytest.raises(Transient, match=said):
            push(rough.registry, REPO, BLOB)
        assert published(park) == set()
    else:
        assert push(rough.registry, REPO, BLOB) == PUSHED
        assert is_whole(rough, park)
    assert rough.front.count("^POST ") == begun
    assert rough.front.count(".") <= MOST
    rough.front.calm()
    ends(rough, park, "")


@pytest.mark.parametrize("status", [202, 404, 416])
def test_a_small_blob_whose_only_request_comes_to_nothing_is_sent_again(rough, park, status):
    rough.front.on("^PUT ", refuses(status))
    assert push(rough.registry, REPO, SMALL) == Pushed(digest.of(SMALL), len(SMALL))
    assert (rough.front.count("^PUT "), rough.front.count("^POST ")) == (2, 2)
    assert is_whole(rough, park, Pushed(digest.of(SMALL), len(SMALL)), SMALL)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_an_end_that_is_done_whatever_is_said_of_it_is_said_once(rough, park, status):
    rough.front.on("^PUT ", front.edit(lambda it: front.Reply(status, it.headers, b"")))
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert rough.front.count("^PUT ") == 1
    assert is_whole(rough, park)


# --- asks for patience


def in_an_hour():
    return format_datetime(datetime.now(UTC) + timedelta(hours=9), usegmt=True)


def just_now():
    return format_datetime(datetime.now(UTC), usegmt=True)


@pytest.fixture
def waits():
    return []


@pytest.fixture
def patient(distribution_behind, waits):
    """A door that notes how long it would wait, and does not."""
    return distribution_behind("plain", pause=waits.append)


@pytest.mark.parametrize(
    ("header", "least"),
    [
        pytest.param({"Retry-After": "2"}, 2, id="for some seconds"),
        pytest.param({"Retry-After": "0"}, 0.005, id="for no second"),
        pytest.param({"Retry-After": just_now()}, 0.005, id="until a date"),
        pytest.param({}, 0.005, id="for nothing"),
        pytest.param({"Retry-After": "tomorrow"}, 0.005, id="for nonsense"),
        pytest.param({"Retry-After": "Sat, 21 Nov 99999999999999999999 12:00:00 GMT"}, 0.005, id="for no date"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "HEAD"])
def test_a_429_that_asks_for_patience_gets_it(patient, waits, park, method, header, least):
    patient.front.on(f"^{method} ", front.answer(429, header), times=2)
    assert push(patient.registry, REPO, BLOB) == PUSHED
    assert [one >= least for one in waits if one] == [True, True]
    assert is_whole(patient, park)


@pytest.mark.parametrize("asked", ["9" * 30, "120", in_an_hour()], ids=["no end", "minutes", "hours, as a date"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "HEAD"])
def test_a_429_that_asks_for_too_much_is_left_to_the_caller_who_is_told(patient, waits, park, method, asked):
    patient.front.on(f"^{method} ", front.answer(429, {"Retry-After": asked}), times=9)
    with pytest.raises(Transient, match="is busy: 429") as raised:
        push(patient.registry, REPO, BLOB)
    assert 120 <= (raised.value.after or 0) <= 3600
    assert (patient.front.count(f"^{method} "), [one for one in waits if one]) == (1, [])
    assert published(park) == set()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "HEAD"])
def test_who_is_always_busy_is_asked_a_few_times(patient, park, method, status):
    patient.front.on(f"^{method} ", front.answer(status), times=99)
    with pytest.raises(Transient, match=f"is busy: {status}"):
        push(patient.registry, REPO, BLOB)
    assert patient.front.count(f"^{method} ") == PATIENCE.tries
    assert patient.front.count(".") <= MOST
    assert published(park) == set()


# --- is slow


HASTY = msgspec.structs.replace(PATIENCE, read=0.5, commit=0.5)


@pytest.mark.parametrize("trouble", [front.hang, front.drip_head], ids=["says nothing", "trickles its answer"])
@pytest.mark.parametrize("method", ["PATCH", "PUT", SEEN])
def test_who_is_silent_amid_a_push_is_asked_once(distribution_behind, park, method, trouble):
    rough = distribution_behind("plain", patience=HASTY)
    if method is SEEN:
        rough.front.on("^PATCH ", front.drop)
    rough.front.on(method if method is SEEN else f"^{method} ", trouble, times=99)
    with pytest.raises(Transient, match="does not answer in time"):
        push(rough.registry, REPO, BLOB)
    assert rough.front.count(method) == 1
    assert published(park) == set()


def test_who_stops_reading_amid_a_part_is_left_in_time(distribution_behind, park):
    """Its kernel takes the connection, and as much as two sockets hold."""
    large = msgspec.structs.replace(DISTRIBUTION, part_bytes=16 * len(BLOB))
    rough = distribution_behind("plain", patience=HASTY, profile=lambda _: large)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        there = f"http://127.0.0.1:{deaf.getsockname()[1]}/upload"
        rough.front.on("^POST ", front.answer(202, {"Location": there}))
        with pytest.raises(Transient, match="does not answer in time"):
            push(rough.registry, REPO, BLOB * 16)
        assert select.select([deaf], [], [], 0)[0]
    assert published(park) == set()
