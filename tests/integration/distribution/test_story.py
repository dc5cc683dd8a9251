"""Any series of faults, at any requests of a push: it ends, with the blob whole or with an honest word.

A real docker-registry behind a front. After the last fault the next push ends well, whatever became of the one before.
"""

from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.distribution.patience import Patience
from shale.oci.distribution.registry import Distribution
from shale.oci.profiles import DISTRIBUTION, GHCR
from shale.oci.registry import Data, Pushed
from shale.testkit import front
from shale.testkit.front import Front
from shale.testkit.registries import PART

REPO = "team/resnet"
BLOB = Random("story").randbytes(3 * PART + 1000)
PUSHED = Pushed(digest.of(BLOB), len(BLOB))
PATIENCE = Patience(tries=3, first=0.001, longest=0.01, connect=5.0, read=20.0, silence=0.01, commit=20.0)
MOST = 40
"""Requests of one push, at most: the longest of these stories took 22."""


def ranged(value):
    return front.with_headers({"Range": value}, "Range")


FAULTS = {
    "passes": front.pass_on,
    "drops the request": front.drop,
    "drops the answer": front.lose_answer,
    "drops amid the body": front.lose_body(PART // 3),
    "truncates the answer": front.truncate(1),
    "500": front.answer(500),
    "503": front.answer(503),
    "429": front.answer(429, {"Retry-After": "0"}),
    "429 for an hour": front.answer(429, {"Retry-After": "3600"}),
    "404": front.answer(404, {}, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'),
    "416": front.answer(416),
    "202": front.answer(202),
    "201": front.answer(201),
    "200": front.answer(200),
    "says no range": front.with_headers({}, "Range"),
    "says nonsense": ranged("bananas"),
    "says nothing is held": ranged("0-0"),
    "says a little is held": ranged("0-999"),
    "says a part is held": ranged(f"0-{PART - 1}"),
    "says two are": ranged(f"0-{2 * PART - 1}"),
    "says all is": ranged(f"0-{len(BLOB) - 1}"),
    "says more is": ranged(f"0-{2**40}"),
    "says no place": front.with_headers({}, "Location"),
}
HONEST = (Transient, ValueError)
"""ValueError: an answer that no registry should give, which names it."""


@pytest.fixture(scope="module")
def server(park):
    return park.server("plain")


def blobs(server):
    found = (server.folder / "data").rglob("blobs/sha256/*/*/data")
    return {f"sha256:{path.parent.name}": path.stat().st_size for path in found}


def pushed(registry, known, place):
    """Push, from a place on if there is one; return what came of it, and the place if it failed."""
    with registry.upload(REPO, known, place) as upload:
        try:
            return upload.send(Data(BLOB)), ""
        except HONEST as error:
            return error, upload.keep()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    story=st.lists(st.sampled_from(sorted(FAULTS)), max_size=12),
    base=st.sampled_from([DISTRIBUTION, GHCR]),
    counts=st.booleans(),
    known=st.sampled_from([None, PUSHED]),
)
def test_a_push_ends_with_the_blob_whole_or_an_honest_word(server, park, story, base, counts, known):
    server.wipe()
    profile = msgspec.structs.replace(base, part_bytes=PART, least_part=PART // 4, counts=counts, api="")
    with Front(server.host) as before:
        options = park.options("plain", home=before.host, patience=PATIENCE, profile=lambda _: profile)
        registry = Distribution(options)
        registry.tags(REPO)  # where it answers is known
        before.calm()
        for fault in story:
            before.on(".", FAULTS[fault])
        place = ""
        for _ in range(2 + len(story)):
            seen = len(before.seen)
            try:
                told, place = pushed(registry, known, place)
            except HONEST as error:  # where it was to be taken up
                told, place = error, ""
            assert len(before.seen) - seen <= MOST
            assert str(told)
            assert set(blobs(server)) <= {PUSHED.digest}
            assert (
                told != PUSHED or "201" in story or blobs(server)
            )  # whoever says 201 is believed: it is looked for later
            if told == PUSHED and len(before.seen) >= len(story):
                break
        before.calm()
        told, _ = pushed(registry, known, "")
        registry.close()
    assert told == PUSHED
    assert blobs(server) == {PUSHED.digest: len(BLOB)}
