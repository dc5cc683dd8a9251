"""What may go wrong on the hot path, whole workers over a real registry: the right image stands, or why not is said.

The rest is proven where it can be seen more closely:

- each request that is lost, refused, answered with a lie or in silence: `distribution/test_trouble.py`,
  `test_early.py`, `test_silence.py`, `test_cuts.py`; uploads that are lost, taken up or lied about:
  `distribution/test_uploads.py`;
  any of it in any order, and a connection that breaks every so many bytes: `distribution/test_any_trouble.py`;
- two workers on one digest, one of which is killed: `chaos/test_flight.py`; a worker that dies amid a layer or a tile:
  `chaos/test_resume.py`;
- an entry of the index that a stranger planted, or whose digest is wrong: `integration/test_known.py`;
- a source that is truncated, grown or replaced while it is read: `integration/test_taken_up_layers.py`, under a tile
  `unit/builder_sync/test_tensors.py`, under a whole worker `chaos/test_mending.py`;
- a disk that is full under a folder of layouts: `unit/oci/test_layout.py`, `unit/builder_sync/test_pack.py`, and below.
"""

import resource
from collections.abc import Iterator

import pytest

from shale.contracts.facts import LayerPacked
from shale.testkit import front, shards
from shale.testkit.front import Front
from shale.testkit.tensorworld import dealt, model

pytestmark = pytest.mark.real_nats

MIB = 1 << 20
PATIENT = 60.0
MOST = 40
"""Requests about blobs that a version of two layers may cost, however often one of them fails."""

FAULTS = [
    pytest.param(("^POST .*/uploads/", front.drop, 2), id="the connection is dropped at the beginning"),
    pytest.param(("^PATCH ", front.lose_body(3 * MIB), 2), id="the connection is dropped amid a part"),
    pytest.param(("^PATCH ", front.lose_answer, 1), id="the answer to a part is lost"),
    pytest.param(("^PUT .*/uploads/", front.lose_answer, 1), id="the answer to the end is lost"),
    pytest.param(("^PUT .*/manifests/", front.drop, 2), id="the connection is dropped at a manifest"),
    pytest.param(("^(PATCH|PUT) ", front.answer(500), 2), id="it answers 500"),
    pytest.param(("^(POST|PATCH) ", front.answer(503), 3), id="it answers 503"),
    pytest.param(("^(PATCH|PUT) ", front.answer(429, {"Retry-After": "1"}), 2), id="it answers 429"),
    pytest.param(("^PATCH ", front.with_headers({"Range": "0-99"}), 1), id="it says that it holds less"),
    pytest.param(("^PATCH ", front.with_headers({"Range": f"0-{2**40}"}), 1), id="it says that it holds more"),
    pytest.param(("^PATCH ", front.with_headers({"Range": "bytes=?"}), 1), id="it says nonsense of what it holds"),
    pytest.param(("^PATCH ", front.answer(404), 1), id="it lost the upload at a part"),
    pytest.param(("^PUT .*/uploads/", front.answer(404), 1), id="it lost the upload at the end"),
    pytest.param(("^(POST|PATCH|PUT|HEAD) ", front.delay(0.1), 99), id="it is slow"),
]


@pytest.fixture
def server(road) -> Iterator[Front]:
    """Stand before an empty registry that anybody may push to."""
    with Front(road.park.server("plain").host) as one:
        yield one


async def stands(road, name, files):
    """Wait until a version is ready; its image, pulled by another maker's program, holds these files."""
    ready = await road.visitor.reaches(name, within=PATIENT)
    repo = f"{road.park.running('plain').host}/team/{name}"
    assert road.pulled("plain", f"{repo}@{ready.status.digest}", "amd64").items() >= files.items()
    return ready


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_image_stands_although(road, server, request, fault):
    name = "f" + "".join(letter for letter in request.node.callspec.id if letter.isalnum())
    files = road.model(name, b"w" * 17 * MIB)
    server.on(*fault)
    await road.visitor.apply(name, imageRepo=f"{server.host}/team/{name}")
    await stands(road, name, files)
    assert server.count(fault[0]) > 0
    assert server.count("/blobs/") <= MOST


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(("^PATCH ", front.lose_body(3 * MIB), 2), id="the connection is dropped amid a tile"),
        pytest.param(("^PATCH ", front.answer(404), 1), id="it lost the upload of a tile"),
        pytest.param(("^PATCH ", front.with_headers({"Range": "0-99"}), 1), id="it says that it holds less of a tile"),
    ],
)
async def test_the_tiles_stand_although(road, server, request, fault):
    """Their image is the very one that a registry without a fault has."""
    name = "t" + "".join(letter for letter in request.node.callspec.id if letter.isalnum())
    for one in (name, f"{name}-calm"):
        shards.write(road.house.models / one, dealt([one for one in model() if one.dtype != "BF16"], 4))
    await road.visitor.apply(f"{name}-calm", layout="tensors")
    calm = await road.visitor.reaches(f"{name}-calm", within=PATIENT)
    server.on(*fault)
    await road.visitor.apply(name, layout="tensors", imageRepo=f"{server.host}/team/{name}")
    ready = await stands(road, name, {})
    assert server.count("^PATCH ") > 0
    assert [layer.digest for layer in ready.status.layers] == [layer.digest for layer in calm.status.layers]


async def test_who_fails_for_long_is_named_and_all_goes_on_when_he_is_back(road, server):
    files = road.model("long", b"w" * 17 * MIB)
    server.on("^PATCH ", front.answer(503), times=10**6)
    uid = (await road.visitor.apply("long", imageRepo=f"{server.host}/team/long")).metadata.uid

    async def told():
        found = await road.visitor.get("long")
        said = [one.message for one in found.status.conditions] if found else []
        return next((text for text in said if "503" in text), None)

    message = await road.visitor.until("said that it fails", told, PATIENT)
    assert server.host in message
    server.calm()
    await stands(road, "long", files)
    assert len({one.part for one in road.visitor.all_heard(LayerPacked, uid)}) == 2


async def test_a_full_disk_under_the_layouts_is_named_and_a_new_attempt_goes_on_when_there_is_room(road):
    """The kernel refuses the worker's writes beyond a size, as a full disk does. Without an attempt: after a minute."""
    road.model("full", b"w" * 17 * MIB)
    worker = road.house.the("builder-sync")
    before = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (4 * MIB, resource.RLIM_INFINITY))
    await road.visitor.apply("full")
    stalled = await road.stalls("full", "FileTooLarge")
    assert "raise that limit" in stalled.message
    assert not [path for path in road.house.registry.rglob("*") if path.is_file() and path.stat().st_size == 4 * MIB]
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, before)
    await road.visitor.apply("full", attempt=1)
    await road.visitor.reaches("full", within=PATIENT, generation=2)
