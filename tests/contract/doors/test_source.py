"""The door to sources: every adapter keeps these promises."""

import os
import threading
from itertools import count

import msgspec
import pytest

from shale.oci.small import LARGE
from shale.oci.tarball import Content
from shale.sources import roots
from shale.sources.reader import volume as mounted
from shale.sources.reader import wire
from shale.sources.reader.server import ReaderServer
from shale.sources.reader.source import Readers
from shale.sources.reader.wire import Address
from shale.sources.schemes import open_source
from shale.sources.source import BLOCK, Scan, SourceChangedError, Unscannable

KEY = bytes(32)


class Folder:
    """The world behind a `file://` source: what a test does to it, in words that other worlds have too."""

    uri = "file:///models/resnet"

    def __init__(self, path):
        self._top = path / "resnet"
        self._top.mkdir()
        self.roots = roots.parse(f"/models={path}")
        self._written = count(1)

    def write(self, path, data):
        (self._top / path).parent.mkdir(parents=True, exist_ok=True)
        (self._top / path).write_bytes(data)
        second = next(self._written) * 10**9  # a disk's own clock may tick only every few milliseconds
        os.utime(self._top / path, ns=(second, second))

    def remove(self, path):
        (self._top / path).unlink()

    def remove_all(self):
        self._top.rmdir()


class Volume(Folder):
    """The same world behind a reader."""

    def __init__(self, path):
        super().__init__(path)
        place = Address("127.0.0.1", 0, "claim-1", 1)
        volume = mounted.Volume("", path, "resnet", place.path, wire.proof(wire.token(KEY, "claim-1", 1)))
        self.server = ReaderServer("127.0.0.1", 0, volume)
        self.uri = msgspec.structs.replace(place, port=self.server.server_address[1]).uri
        self.server.volume = msgspec.structs.replace(volume, title=self.uri)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture(params=["file", "reader"])
def world(request, tmp_path):
    """One empty place per adapter; hubs join here."""
    match request.param:
        case "file":
            yield Folder(tmp_path)
        case "reader":
            volume = Volume(tmp_path)
            yield volume
            volume.close()
        case unknown:
            raise AssertionError(unknown)


@pytest.fixture
def source(world):
    return open_source(world.uri, world.roots, Readers(KEY))


def listed(source, path, include="", exclude=""):
    """Return one listed file as it is asked for."""
    scan = source.scan(include, exclude)
    found = next(one for one in (*scan.files, *scan.entries) if one.path == path)
    return Content(found.path, found.size, found.version)


def read(source, content, offset=0):
    return b"".join(bytes(block) for block in source.open(content, offset))


def test_files_of_one_place_lie_on_one_volume_whoever_asks_and_however_often(world, source):
    world.write("a", b"1")
    world.write("b/two", bytes(LARGE))
    again = open_source(world.uri, world.roots, Readers(KEY))
    assert not isinstance(again, Unscannable)
    volumes = {one.volume(listed(one, path)) for one in (source, again) for path in ("a", "b/two")}
    assert len(volumes) == 1
    assert volumes != {""}


def test_an_empty_file_lies_on_a_volume_too(world, source):
    world.write("empty", b"")
    assert source.volume(listed(source, "empty"))


def test_of_a_file_that_is_not_what_was_listed_no_volume_is_told(world, source):
    world.write("a", b"1")
    content = listed(source, "a")
    world.write("a", b"2")
    with pytest.raises(SourceChangedError):
        source.volume(content)
    world.remove("a")
    with pytest.raises(SourceChangedError):
        source.volume(content)


def test_a_source_is_pinned_by_a_uri(source):
    assert isinstance(source.resolve(), str)


def test_an_empty_source_lists_nothing(source):
    assert source.scan() == Scan((), ())
    assert source.scan().small() == ()


def test_files_are_listed_in_path_order_with_their_sizes(world, source):
    for path, data in {"b/two": b"22", "a": b"", "b/one": b"1", "c": bytes(LARGE)}.items():
        world.write(path, data)
    scan = source.scan()
    files = [(entry.path, entry.size) for entry in scan.entries if entry.kind == "file"]
    assert files == [("a", 0), ("b/one", 1), ("b/two", 2)]
    assert [(file.path, file.size) for file in scan.files] == [("c", LARGE)]


def test_listing_twice_is_the_same(world, source):
    for number in range(20):
        world.write(f"{number % 3}/{number}", b"x" * number)
    assert source.scan() == source.scan()


def test_everything_small_is_one_run_with_one_digest(world, source):
    world.write("config.json", b"{}")
    world.write("onnx/README.md", b"#")
    (run,) = source.scan().small()
    assert (run.first, run.last, run.size) == ("config.json", "onnx/README.md", 3)


@pytest.mark.parametrize(
    ("include", "exclude", "kept"),
    [
        pytest.param("", "", ["a/x.bin", "a/y.txt", "b/z.txt"], id="all"),
        pytest.param("*.txt", "", ["a/y.txt", "b/z.txt"], id="what is included"),
        pytest.param("", "a", ["b/z.txt"], id="but what is excluded"),
        pytest.param("*.txt", "b/*", ["a/y.txt"], id="both"),
        pytest.param("*.none", "", [], id="nothing"),
    ],
)
def test_filters_choose_files_and_drop_folders_that_hold_none(world, source, include, exclude, kept):
    for path in ("a/x.bin", "a/y.txt", "b/z.txt"):
        world.write(path, b"x")
    entries = source.scan(include, exclude).entries
    assert [entry.path for entry in entries if entry.kind == "file"] == kept
    folders = {entry.path for entry in entries if entry.kind == "directory"}
    assert folders <= {path.split("/")[0] for path in kept}


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_bytes_come_as_they_are_in_bounded_blocks(world, source, size):
    data = os.urandom(size)
    world.write("weights", data)
    assert read(source, listed(source, "weights")) == data
    assert all(len(block) <= BLOCK for block in source.open(listed(source, "weights")))


@pytest.mark.parametrize("offset", [0, 1, BLOCK, 2 * BLOCK + 1])
def test_bytes_come_from_any_offset(world, source, offset):
    data = os.urandom(2 * BLOCK + 1)
    world.write("weights", data)
    assert read(source, listed(source, "weights"), offset) == data[offset:]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda world: world.write("x", b"other"), id="rewritten with the same size"),
        pytest.param(lambda world: world.write("x", b"longer"), id="longer"),
        pytest.param(lambda world: world.write("x", b"shrt"), id="shorter"),
        pytest.param(lambda world: world.remove("x"), id="gone"),
    ],
)
def test_a_file_that_changed_since_it_was_listed_is_named(world, source, change):
    world.write("x", b"first")
    content = listed(source, "x")
    change(world)
    with pytest.raises(SourceChangedError, match=f"'x' in {world.uri} was listed with 5 bytes and .+: try again"):
        read(source, content)


@pytest.mark.parametrize("size", [pytest.param(BLOCK * 3, id="same size"), pytest.param(BLOCK, id="cut short")])
def test_a_file_that_changes_while_it_is_read_is_named(world, source, size):
    world.write("x", bytes(BLOCK * 3))
    blocks = source.open(listed(source, "x"))
    next(blocks)
    world.write("x", b"y" * size)
    with pytest.raises(SourceChangedError, match="'x' in"):
        list(blocks)


def test_reading_may_be_left_at_any_block(world, source):
    world.write("x", bytes(BLOCK * 3))
    blocks = source.open(listed(source, "x"))
    next(blocks)
    blocks.close()
    assert list(blocks) == []


def test_a_source_that_is_gone_says_so(world, source):
    world.remove_all()
    for refused in (source.scan(), source.resolve()):
        assert isinstance(refused, Unscannable)
        assert refused.reason == "SourceNotFound"
        assert world.uri in refused.message
