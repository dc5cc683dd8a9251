"""A tile as it is packed: what is read of its source, and that it is the same from any byte on."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shale.builder_sync.contents import contents
from shale.builder_sync.cutting import Cutter
from shale.builder_sync.pack import Reading, scan_source
from shale.builder_sync.results import Listed, Refusal, Stall
from shale.builder_sync.tables import Tee, spans
from shale.sources.source import unheard
from shale.testkit.shards import INDEX
from shale.testkit.tensorworld import LIMITS, WIDE, TensorWorld, model


@pytest.fixture(scope="module")
def dealt_world(tmp_path_factory):
    """A world of four shards that tests only read."""
    world = TensorWorld(tmp_path_factory.mktemp("dealt"))
    world.deal(model(), 4)
    world.write("config.json", b"{}")
    return world


def test_a_tile_of_other_tensors_than_were_listed_is_refused(dealt_world):
    job = dealt_world.jobs()[1]
    other = msgspec.structs.replace(job.layer.tile, digest="sha256:" + "0" * 64)
    job = msgspec.structs.replace(job, layer=msgspec.structs.replace(job.layer, tile=other))
    refused = dealt_world.pack(job)
    assert isinstance(refused, Refusal)
    assert refused.reason == "SourceChanged"
    assert job.layer.name in refused.message


class Counted:
    """A source that counts how often each file is opened, and how much of it is read."""

    def __init__(self, source):
        self._source, self.uri, self.title, self.opened = source, source.uri, source.title, []

    def resolve(self):
        return self._source.resolve()

    def scan(self, include="", exclude="", alive=unheard):
        return self._source.scan(include, exclude, alive)

    def volume(self, content):
        return self._source.volume(content)

    def open(self, content, offset=0, end=None):
        self.opened.append((content.path, offset, end))
        return self._source.open(content, offset, end)


def test_headers_are_read_once_for_all_tiles_of_a_checkpoint(dealt_world):
    source = Counted(dealt_world.source)
    _, *tiles = dealt_world.jobs()
    cutter = Cutter()
    for job in tiles:
        contents(job, source, cutter, lambda: None)
    assert len([one for one in source.opened if one[1:] == (0, 8)]) == 4


def test_a_scan_reads_nothing_but_headers(dealt_world):
    source = Counted(dealt_world.source)
    found = scan_source(source, tensors=LIMITS)
    assert isinstance(found, Listed)
    assert sum(end - offset for path, offset, end in source.opened if path != INDEX) < 10_000


def read(body, offset=0):
    return b"".join(map(bytes, body.blocks(offset)))


@pytest.fixture(scope="module")
def bodies(dealt_world):
    """Return the bodies of all layers, and their bytes."""
    found = []
    for job in dealt_world.jobs():
        held = contents(job, dealt_world.source, dealt_world.cutter, lambda: None)
        assert not isinstance(held, (Refusal, Stall))
        root = job.layer.root
        body = Reading(dealt_world.source, held, root, Tee(spans(held.entries, root=root)))
        found.append((body, read(body)))
    return found


def test_a_body_has_the_size_that_it_says(bodies):
    assert all(body.size == len(whole) for body, whole in bodies)
    assert all(len(block) <= 1 << 20 for body, _ in bodies for block in body.blocks())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_body_is_the_same_from_any_byte_on(bodies, data):
    body, whole = data.draw(st.sampled_from(bodies))
    edges = [0, 511, 512, 513, 1535, 1536, 1537, 1 << 20, WIDE, len(whole) - 1025, len(whole) - 1024, len(whole)]
    near = [edge for edge in edges if 0 <= edge <= len(whole)]
    offset = data.draw(st.one_of(st.sampled_from(near), st.integers(0, len(whole))))
    assert read(body, offset) == whole[offset:]
