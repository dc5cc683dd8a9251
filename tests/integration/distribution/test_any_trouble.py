"""Any trouble at any request of a push, in any order: the blob is there, or an honest error; in so many requests."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.oci.distribution.transport import PIECE
from shale.oci.registry import Data, Pushed, push
from shale.testkit import front
from shale.testkit.front import Front
from shale.testkit.registries import PATIENCE, small_parts

REPO = "team/any"
BLOB = bytes(range(256)) * 8192
PUSHED = Pushed(digest.of(BLOB), len(BLOB))
METHODS = ["POST", "PATCH", "PUT", "GET", "HEAD", "DELETE"]
TROUBLES = {
    "drop": front.drop,
    "lose the answer": front.lose_answer,
    "lose a part of it": front.lose_body(300_000),
    **{str(status): front.answer(status) for status in (404, 416, 429, 500, 502, 503)},
    "429 for a while": front.answer(429, {"Retry-After": "0"}),
    "a word of less": front.with_headers({"Range": "0-9"}),
    "a word of more": front.with_headers({"Range": f"0-{2**40}"}),
    "no word": front.with_headers({}, "Range"),
    "nonsense": front.with_headers({"Range": "so much"}),
    "taken as accepted": front.answer(202),
    "taken, it says": front.answer(204),
}
STORY = st.lists(st.tuples(st.sampled_from(METHODS), st.sampled_from(sorted(TROUBLES))), max_size=8)
EACH = 4 * PATIENCE.tries
"""Requests that one trouble may cost at most: an upload begun anew, asked for, and sent in its four parts."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORY, st.booleans())
def test_a_push_through_any_trouble_is_whole_or_honest(rough, park, story, known):
    park.running("plain").wipe()
    rough.front.calm()
    for method, trouble in story:
        rough.front.on(f"^{method} .*/blobs/", TROUBLES[trouble])
    try:
        with rough.registry.upload(REPO, PUSHED if known else None) as upload:
            assert upload.send(Data(BLOB), PUSHED.digest) == PUSHED
        said = ""
    except (Transient, ValueError) as error:
        said = str(error)
    assert not said or rough.front.host in said
    assert len(rough.front.seen) <= 12 + EACH * len(story)
    rough.front.calm()
    assert said or b"".join(rough.registry.pull(REPO, PUSHED.digest) or ()) == BLOB
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert b"".join(rough.registry.pull(REPO, PUSHED.digest)) == BLOB


class Keeping(Front):
    """A registry that keeps what came of a part when the connection broke (distribution 3.0 does, 2.8 does not)."""

    def __init__(self, every: int):
        """Break it after so many bytes of each part."""
        super().__init__()
        self.every, self.held, self.blobs = every, b"", {}
        self.default = self.play

    def play(self, exchange):
        match exchange.method:
            case "POST":
                self.held = b""
                exchange.reply(202, {"Location": "/v2/upload/1"})
            case "PATCH":
                start = int(exchange.headers["Content-Range"].partition("-")[0])
                if start != len(self.held):
                    exchange.reply(416, {"Range": f"0-{len(self.held) - 1}"})
                    return
                self.held += exchange.body[: self.every]
                if len(exchange.body) > self.every:
                    exchange.hang_up()
                    return
                exchange.reply(202, {"Location": "/v2/upload/1", "Range": f"0-{len(self.held) - 1}"})
            case "GET":
                exchange.reply(204, {"Location": "/v2/upload/1", "Range": f"0-{len(self.held) - 1}"})
            case "PUT":
                data = self.held + exchange.body
                asked = exchange.path.partition("digest=")[2]
                if digest.of(data) == asked:
                    self.blobs[asked] = data
                exchange.reply(201 if asked in self.blobs else 400)
            case _:
                known = self.blobs.get(exchange.path.rsplit("/", 1)[1])
                exchange.reply(404 if known is None else 200, {"Content-Length": str(len(known or b""))})


def at(server):
    return Distribution(Options(home=server.host, patience=PATIENCE, profile=small_parts))


@pytest.mark.parametrize("every", [PIECE, 300_000, 2**19 - 1])
def test_a_connection_that_breaks_every_so_many_bytes_sends_each_of_them_once(every):
    with Keeping(every) as server:
        registry = at(server)
        assert push(registry, REPO, BLOB) == PUSHED
        assert server.blobs == {PUSHED.digest: BLOB}
        assert server.count("^POST ") == 1
        assert server.count("^PATCH ") <= 2 * len(BLOB) // every + 1
        registry.close()


def test_one_that_brings_next_to_nothing_each_time_is_left_after_a_few_tries():
    with Keeping(PIECE // 8) as server:
        registry = at(server)
        with pytest.raises(Transient, match=f"{re.escape(server.host)} broke the connection off"):
            push(registry, REPO, BLOB)
        assert server.count("^PATCH ") <= PATIENCE.tries
        assert server.blobs == {}
        registry.close()
