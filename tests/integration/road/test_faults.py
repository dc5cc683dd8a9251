"""What may go wrong on the hot path, one by one: what a user gets on the whole road, and where each is proven.

Here: real NATS, a real docker-registry behind a front that makes trouble, and builder-sync as a process, with parts of
4 MiB. Below it, each by itself and in more kinds, with counts of requests and of bytes:

- a registry that drops the connection every N bytes: distribution/test_fraying.py, test_trouble.py; by `shale pack`:
  e2e/test_pack_faults.py
- answers 500, 503, 429: distribution/test_lies.py (429 in all its kinds), test_trouble.py, test_silence.py (stops)
- lies about the range, loses an upload: distribution/test_lies.py, test_uploads.py (ECR), taken up: test_lies.py,
  integration/test_taken_up_layers.py; of a blob that is read: test_trouble.py
- is slow: distribution/test_silence.py, test_lies.py, test_early.py
- any series of all these: distribution/test_story.py
- two workers on one digest: chaos/test_flight.py; one after the other: chaos/test_resume.py
- an index entry planted by another tenant, a wrong digest in the index: integration/test_known.py, and
  test_faults_at_home.py
- a disk that is full under a layout directory: unit/oci/test_disk.py, test_layout.py, unit/builder_sync/test_pack.py,
  e2e/test_pack_faults.py (no space left), and test_faults_at_home.py
- a source file that is truncated, grown or replaced while it is read: unit/sources/test_filesystem.py,
  contract/doors/test_source.py, unit/builder_sync/test_pack.py, test_tensors.py, test_source_faults.py (amid a tile),
  integration/test_taken_up_layers.py, chaos/test_mending.py, and test_faults_at_home.py
"""

from __future__ import annotations

import pytest

from shale.testkit import front
from shale.testkit.fraying import Fraying
from shale.testkit.front import Trouble
from shale.testkit.sites import LAYOUTS, SIZE
from shale.testkit.smallparts import LEAST, PART

pytestmark = pytest.mark.real_nats

MIB = 1 << 20


@pytest.fixture(scope="module")
def house(hasty_house):
    return hasty_house


def ranged(value: str) -> Trouble:
    return front.with_headers({"Range": value}, "Range")


def accepted(reply: front.Reply) -> front.Reply:
    return front.Reply(202, reply.headers, reply.data)


AGAIN = {"Retry-After": "1"}
UPLOAD, PART_AT, END = "^GET .*/uploads/", "^PATCH ", "^PUT .*/uploads/"
OK: tuple[str, Trouble] = (PART_AT, front.pass_on)

PASSES = [
    pytest.param([(".", front.drop)] * 3, 0, id="it drops connections: nothing is sent again"),
    pytest.param(
        [OK, (PART_AT, front.lose_body(MIB))], 2, id="it drops a part in its middle: that upload is sent again"
    ),
    pytest.param([OK, (PART_AT, front.lose_answer)], 2, id="it drops the answer to a part: that upload is sent again"),
    pytest.param([(END, front.lose_answer)] * 2, 0, id="it drops the answer to the end: it is looked for"),
    pytest.param([(".", front.answer(500))] * 3, 1, id="it answers 500: it is asked again"),
    pytest.param([(".", front.answer(503))] * 3, 1, id="it answers 503: it is asked again"),
    pytest.param(
        [(PART_AT, front.answer(429, AGAIN)), (END, front.answer(429, AGAIN))], 1, id="it answers 429: it waits"
    ),
    pytest.param([OK, (PART_AT, ranged("0-5"))], 1, id="it says a range that is too short: it is asked"),
    pytest.param([OK, (PART_AT, ranged(f"0-{2**40}"))], 1, id="it says a range that is too long: it is asked"),
    pytest.param([(PART_AT, ranged("bananas"))] * 2, 0, id="it says no range: its parts are believed to have come"),
    pytest.param(
        [OK, (PART_AT, ranged(f"0-{PART + 999}"))], 4, id="it says a range within the part: all is sent again"
    ),
    pytest.param(
        [OK, (PART_AT, front.drop), (UPLOAD, ranged(f"0-{PART + 999}"))],
        6,
        id="it says another offset when it is asked: all is sent again",
    ),
    pytest.param([OK, (PART_AT, front.answer(416))], 1, id="it answers 416 to a part: it is asked"),
    pytest.param([(END, front.answer(202))], 0, id="it answers 202 to the end and has nothing: it is told again"),
    pytest.param([(END, front.edit(accepted))] * 3, 0, id="it answers 202 to the end and is done: it is looked for"),
    pytest.param(
        [OK, (PART_AT, front.answer(404)), (UPLOAD, front.answer(404))], 2, id="it loses an upload at a part: anew"
    ),
    pytest.param([(END, front.answer(404))] * 2, 6, id="it loses an upload at its end: all is sent again"),
    pytest.param([(END, front.answer(201))], 6, id="it loses what it published: the layer is packed again"),
    pytest.param([(PART_AT, front.delay(0.5))] * 3, 0, id="it is slow: it is waited for"),
    pytest.param(
        [OK, (PART_AT, front.drip_head)], 6, id="it trickles its answer to a part: it is left, then asked again"
    ),
    pytest.param([(END, front.hang)], 6, id="it is silent at the end: it is left, then asked again"),
]
"""`again`: so many parts are sent again at most, for each connection or upload that was lost."""


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("troubles", "again"), PASSES)
async def test_a_registry_that_is_in_trouble_for_a_while_has_the_right_image_in_the_end(site, troubles, again, layout):
    one = site(layout)
    for pattern, trouble in troubles:
        one.front.on(pattern, trouble)
    await one.applied()
    await one.is_ready()
    assert one.sent() <= SIZE + MIB + again * PART
    assert len(one.weights()) == 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("every", [LEAST + LEAST // 4, PART + PART // 2], ids=["its least parts", "one part"])
async def test_a_registry_that_drops_the_connection_every_n_bytes_has_the_right_image(site, layout, every):
    one = site(layout)
    with Fraying(one.front.host, every) as line:
        one.host = line.host
        await one.applied()
        await one.is_ready()
    assert 1 <= line.broken <= 4
    # docker-registry 2.8.2 may say what it holds while it still takes what was cut: then the next part is lost, too
    assert one.sent() <= SIZE + MIB + line.broken * (every + PART // 4)


STAYS = [
    pytest.param(PART_AT, front.drop, "broke the connection off", id="it drops each part"),
    pytest.param(PART_AT, front.answer(500), "is busy: 500", id="it answers 500 each time"),
    pytest.param(PART_AT, front.answer(503), "is busy: 503", id="it answers 503 each time"),
    pytest.param(PART_AT, front.answer(429), "is busy: 429", id="it answers 429 each time"),
    pytest.param(PART_AT, ranged("0-5"), "took only a part", id="it lies about the range each time"),
    pytest.param(PART_AT, front.answer(404), "lost an upload", id="it loses each upload"),
    pytest.param(END, front.answer(202), "answers 202 to the end", id="it accepts each end, and publishes nothing"),
    pytest.param(PART_AT, front.hang, "does not answer in time", id="it is silent"),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("pattern", "trouble", "said"), STAYS)
async def test_a_registry_that_stays_in_trouble_is_told_and_the_image_comes_when_it_is_mended(
    site, pattern, trouble, said, layout
):
    one = site(layout)
    one.front.on(pattern, trouble, times=10_000)
    await one.applied()
    await one.tells("Ready", said)
    tries = len(one.visitor.house.the("builder-sync").says("transient"))
    assert one.front.count(pattern) <= 8 * (tries + 1)
    assert one.weights() == []
    one.front.calm()
    await one.is_ready()
    assert len(one.weights()) == 1


async def test_a_registry_that_asks_for_an_age_is_told_so_and_left_alone(site):
    one = site("files")
    one.front.on(PART_AT, front.answer(429, {"Retry-After": "9" * 20}), times=10_000)
    await one.applied()
    await one.tells("Ready", "is busy: 429")
    assert one.front.count(PART_AT) == 1
