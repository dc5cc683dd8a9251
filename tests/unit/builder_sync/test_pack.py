import errno
import os
import tracemalloc
from contextlib import nullcontext

import msgspec
import pytest

from shale.builder_sync.pack import hashes_first, scan_source
from shale.builder_sync.results import Refusal, Stall
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.layout import Layout
from shale.oci.refusal import Refused
from shale.oci.small import LARGE
from shale.oci.unpack import Unpacked, unpack
from shale.runtime.beat import Stopped
from shale.sources import beneath
from shale.testkit.fulldisk import no_more_than

REPO, URI = "team/resnet", "file:///models/resnet"
TREE = {"config.json": b"{}", "onnx/model.onnx": b"x" * 100, "model.safetensors": bytes(range(256)) * 65_600}


def open_files():
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (a number, not paths)


def test_what_was_packed_unpacks_to_the_source(world, tmp_path):
    for job in world.jobs():
        packed = world.pack(job)
        unpack(world.registry.pull(REPO, packed.digest), tmp_path / "out")
    found = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*")}
    assert {name: path.read_bytes() for name, path in found.items() if path.is_file()} == TREE


def test_both_ways_give_the_same_layers(hashing, streaming):
    streaming.registry = Layout(streaming.store.with_name("another"))
    first, second = ([world.pack(job) for job in world.jobs()] for world in (hashing, streaming))
    assert first == second


@pytest.mark.parametrize(("size", "first"), [(LARGE - 1, True), (LARGE, False)])
def test_what_is_small_is_hashed_first_where_nothing_is_known(size, first):
    assert hashes_first(Layer("0-x", "x", size)) == first


def test_layers_say_what_they_are(world):
    small, weights = (world.pack(job) for job in world.jobs())
    assert (small.name, small.role, small.reused) == ("small", "small", False)
    assert (weights.name, weights.role, weights.reused) == ("model.safetensors", "weight", False)
    for packed in (small, weights):
        assert world.registry.has(REPO, packed.digest) == packed.size


def test_a_layer_that_is_there_is_not_sent_again(hashing):
    job = hashing.jobs()[1]
    first = hashing.pack(job)
    before = {path: path.stat().st_mtime_ns for path in hashing.files()}
    assert hashing.pack(job) == msgspec.structs.replace(first, reused=True)
    assert {path: path.stat().st_mtime_ns for path in hashing.files()} == before


def test_a_layer_that_was_cut_off_there_is_sent_again_and_whole(world):
    job = world.jobs()[1]
    first = world.pack(job)
    [blob] = [path for path in world.files() if path.name == first.digest.removeprefix("sha256:")]
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1])
    assert world.pack(job) == first
    assert blob.read_bytes() == whole
    assert world.registry.has(REPO, first.digest) == first.size
    assert not list((world.store / ".uploads").iterdir())


def test_one_changed_small_file_leaves_the_weights_as_they_are(hashing):
    small, weights = (hashing.pack(job) for job in hashing.jobs())
    hashing.write("config.json", b"{ }")
    small_again, weights_again = (hashing.pack(job) for job in hashing.jobs())
    assert weights_again == msgspec.structs.replace(weights, reused=True)
    assert small_again.digest != small.digest
    assert not small_again.reused


def test_a_model_without_anything_small_still_has_its_root(world):
    job, _ = world.jobs(include="*.safetensors")
    assert (job.layer.small, job.layer.root) == (None, True)
    packed = world.pack(job)
    assert (packed.role, packed.size) == ("small", 2048)


def test_progress_rises_to_the_size_of_the_layer(world):
    for job in world.jobs():
        told = []
        world.pack(job, told.append)
        assert told == sorted(told)
        assert told[-1] == job.layer.size
        again = []
        world.pack(job, again.append)
        assert again[-1] == job.layer.size


@pytest.mark.parametrize("block", [0, 1, 5, 16])
def test_what_progress_raises_stops_the_work_and_leaves_nothing(world, block):
    told = []

    def stop_at(done):
        told.append(done)
        if len(told) > block:
            raise InterruptedError

    before = open_files()
    with pytest.raises(InterruptedError):
        world.pack(world.jobs()[1], stop_at)
    assert world.files() == []
    assert open_files() == before


@pytest.mark.parametrize("block", [17, 18, 19, 25])
def test_what_progress_raises_at_the_second_reading_stops_the_work_and_leaves_nothing(hashing, block):
    test_what_progress_raises_stops_the_work_and_leaves_nothing(hashing, block)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda world: world.write("model.safetensors", b"x"), "is 1 bytes now", id="cut"),
        pytest.param(
            lambda world: world.write("model.safetensors", TREE["model.safetensors"] + b"x"), "bytes now", id="grown"
        ),
        pytest.param(
            lambda world: world.write("model.safetensors", TREE["model.safetensors"]), "was written", id="written anew"
        ),
        pytest.param(lambda world: (world.folder / "model.safetensors").unlink(), "cannot be opened", id="gone"),
    ],
)
def test_a_weight_file_that_changed_since_the_scan_is_refused_by_name(world, change, message):
    job = world.jobs()[1]
    change(world)
    refused = world.pack(job)
    assert (type(refused), refused.reason) == (Refusal, "SourceChanged")
    assert refused.message.startswith(f"'model.safetensors' in {URI} was listed")
    assert message in refused.message
    assert world.files() == []


@pytest.mark.parametrize("block", [2, 12, 15])
def test_a_weight_file_that_changes_while_it_is_packed_is_refused(world, block):
    told = []

    def write_at(done):
        told.append(done)
        if len(told) == block:
            world.write("model.safetensors", b"!" * len(TREE["model.safetensors"]))

    refused = world.pack(world.jobs()[1], write_at)
    assert (type(refused), refused.reason) == (Refusal, "SourceChanged")
    assert world.files() == []


@pytest.mark.parametrize("block", [20, 24])
def test_a_weight_file_that_changes_while_it_is_read_again_is_refused(hashing, block):
    test_a_weight_file_that_changes_while_it_is_packed_is_refused(hashing, block)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda world: world.write("new.json", b""), id="one more file"),
        pytest.param(lambda world: world.write("config.json", b"{ }"), id="another size"),
        pytest.param(lambda world: (world.folder / "config.json").chmod(0o755), id="another mode"),
        pytest.param(lambda world: (world.folder / "config.json").unlink(), id="one file less"),
    ],
)
def test_small_things_that_are_not_those_of_the_scan_are_refused(world, change):
    job = world.jobs()[0]
    change(world)
    assert world.pack(job) == Refusal(
        "SourceChanged",
        f"what lies from 'config.json' to 'onnx/model.onnx' in {URI} is not what was listed: "
        "try again when nobody writes there",
    )


class Lying:
    """A source that gives other bytes at each reading, with the same times: a network disk that lies."""

    def __init__(self, source):
        self._source, self.readings = source, 0

    def __getattr__(self, name):
        return getattr(self._source, name)

    def open(self, content, offset=0, end=None):
        self.readings += 1
        for block in self._source.open(content, offset, end):
            block[0] = self.readings
            yield block


def test_what_is_published_is_what_was_hashed_when_it_was_read_once(streaming):
    world = streaming
    world.source = Lying(world.source)
    packed = world.pack(world.jobs()[1])
    assert isinstance(packed, PackedLayer)
    assert digest.of(b"".join(world.registry.pull(REPO, packed.digest))) == packed.digest
    assert world.source.readings == 1


def test_two_readings_that_do_not_agree_are_refused(hashing):
    hashing.source = Lying(hashing.source)
    refused = hashing.pack(hashing.jobs()[1])
    assert refused.message == (
        f"'model.safetensors' in {URI} gave other bytes when it was read again, with the same times: "
        "try again when nobody writes there"
    )
    assert hashing.files() == []


def test_a_source_that_is_gone_is_waited_for(world):
    small, weights = world.jobs()
    world.folder.rename(world.folder.with_name("elsewhere"))
    refused = scan_source(world.source)
    assert isinstance(refused, Stall)
    assert refused.reason == "SourceNotFound"
    for job in (small, weights):
        assert world.pack(job) == refused


def test_a_file_that_may_not_be_read_is_waited_for(world, monkeypatch):
    """Root may read all: the kernel's answer is played."""

    def deny(*_):
        raise PermissionError(errno.EACCES, "said the kernel")

    job = world.jobs()[1]
    monkeypatch.setattr(beneath, "open_beneath", deny)
    monkeypatch.setattr(beneath, "opened", lambda *_: nullcontext(0))
    assert world.pack(job) == Stall(
        "Unreadable", f"'model.safetensors' in {URI} may not be read: give the packer that right"
    )
    assert world.files() == []


def test_a_listing_that_nobody_wants_any_more_ends(world):
    met = []

    def alive():
        met.append(1)
        if len(met) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        scan_source(world.source, alive=alive)
    assert len(met) == 3


def test_a_registry_that_fails_for_now_passes(world):
    class Full(Layout):
        def upload(self, repo, known=None, place=""):
            raise Transient(f"cannot begin an upload in {repo}: the disk is full{known or place}")

    world.registry = Full(world.store)
    before = open_files()
    with pytest.raises(Transient):
        world.pack(world.jobs()[1])
    assert open_files() == before


def test_a_disk_that_is_full_is_told_with_its_cure_and_holds_nothing_half(world):
    job, before = world.jobs()[1], open_files()
    with no_more_than(2**20), pytest.raises(Refused, match="cannot write the blob") as raised:
        world.pack(job)
    assert raised.value.why.reason == "FileTooLarge"
    assert (world.files(), open_files()) == ([], before)


def test_filters_of_the_scan_hold_for_the_small_layer_too(world, tmp_path):
    small, _ = (world.pack(job) for job in world.jobs(exclude="onnx"))
    unpack(world.registry.pull(REPO, small.digest), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["config.json"]


def test_memory_does_not_grow_with_the_layer(world):
    with (world.folder / "big.bin").open("wb") as file:
        file.truncate(8 * LARGE)
    job = next(job for job in world.jobs() if job.layer.name == "big.bin")
    tracemalloc.start()
    try:
        assert isinstance(world.pack(job), PackedLayer)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_the_digest_is_that_of_the_bytes_in_the_registry(world):
    for job in world.jobs():
        packed = world.pack(job)
        assert digest.of(b"".join(world.registry.pull(REPO, packed.digest))) == packed.digest


def test_a_group_of_files_is_one_layer(world, tmp_path):
    world.write("two.safetensors", bytes(LARGE))
    first, second = (job.layer.files for job in world.jobs()[1:])
    layer = Layer("1-x", "two files", 0, files=(*second, *first))
    job = msgspec.structs.replace(world.jobs()[1], layer=layer)
    packed = world.pack(job)
    found = unpack(world.registry.pull(REPO, packed.digest), tmp_path)
    assert isinstance(found, Unpacked)
    assert found.paths == ("model.safetensors", "two.safetensors")
