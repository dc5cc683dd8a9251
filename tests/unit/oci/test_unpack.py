import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shale.oci import digest, tarball
from shale.oci.tarball import Content, Entry
from shale.oci.unpack import Unpacked, Unsafe, unpack

A_NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=60).filter(
    lambda name: name not in {".", ".."} and len(name.encode()) <= 255
)
A_PATH = st.lists(A_NAME, min_size=1, max_size=4).map("/".join)
A_TREE = st.dictionaries(A_PATH, st.binary(max_size=3000), max_size=6).filter(
    lambda tree: not any(other.startswith(f"{one}/") for one in tree for other in tree)
)


def pack(tree):
    entries = [Entry(path, size=len(data)) for path, data in sorted(tree.items())]
    pieces = tarball.frame(entries, root=True)
    return b"".join(tree[piece.path] if isinstance(piece, Content) else piece for piece in pieces)


def framing(*entries):
    """Frame entries that have no contents."""
    return b"".join(piece for piece in tarball.frame(entries, root=True) if isinstance(piece, bytes))


def cut(data, size=700):
    return (data[at : at + size] for at in range(0, len(data), size))


def files(folder):
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {name: path.read_bytes() for name, path in found.items() if path.is_file() and not path.is_symlink()}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(A_TREE)
def test_what_was_packed_comes_back(tmp_path, tree):
    folder = tmp_path / digest.of(pack(tree))[7:23]
    folder.mkdir(exist_ok=True)
    assert unpack(cut(pack(tree)), folder) == Unpacked(tuple(sorted(tree)), sum(map(len, tree.values())))
    assert files(folder) == tree


def test_folders_links_and_modes_come_back(tmp_path):
    entries = [
        Entry("bin", "directory"),
        Entry("bin/run", mode=0o755),
        Entry("empty", "directory"),
        Entry("link", "symlink", link="bin/run"),
        Entry("plain"),
    ]
    found = unpack([framing(*entries)], tmp_path)
    assert found == Unpacked(("bin/run", "link", "plain"), 0)
    assert (tmp_path / "empty").is_dir()
    assert (tmp_path / "link").readlink() == Path("bin/run")
    assert [(tmp_path / name).stat().st_mode & 0o100 for name in ("bin/run", "plain")] == [0o100, 0]


def test_the_link_beside_the_models_is_not_written(tmp_path):
    unpack([framing()], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_later_layer_replaces_what_an_earlier_one_wrote(tmp_path):
    for data in (b"one", b"two!"):
        assert isinstance(unpack([pack({"a/x": data})], tmp_path), Unpacked)
    assert files(tmp_path) == {"a/x": b"two!"}


def member(name, kind=tarfile.REGTYPE, link="", data=b""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def tar_of(*members, style=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=style) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("prefix", ["models/", "./models/", "/models/"])
def test_tars_of_other_makers_are_read_too(tmp_path, style, prefix):
    name = prefix + "d" * 80 + "/" + "f" * 90
    found = unpack(cut(tar_of(member(name, data=b"bytes"), member("etc/passwd", data=b"x"), style=style)), tmp_path)
    assert found == Unpacked(("d" * 80 + "/" + "f" * 90,), 5)
    assert list(files(tmp_path).values()) == [b"bytes"]


def test_a_hard_link_within_the_model_is_made(tmp_path):
    unpack([tar_of(member("models/a", data=b"x"), member("models/b", tarfile.LNKTYPE, "models/a"))], tmp_path)
    assert files(tmp_path) == {"a": b"x", "b": b"x"}


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([member("models/../../out", data=b"x")], id="a name that leaves"),
        pytest.param([member("../out", data=b"x")], id="a name that leaves, outside of models"),
        pytest.param([member("models/l", tarfile.SYMTYPE, "../out")], id="a link that leaves"),
        pytest.param([member("models/l", tarfile.SYMTYPE, "/etc/passwd")], id="an absolute link"),
        pytest.param(
            [member("models/d", tarfile.SYMTYPE, "."), member("models/d/out", data=b"x")], id="a file through a link"
        ),
        pytest.param(
            [
                member("models/a/b/up", tarfile.SYMTYPE, "../.."),
                member("models/l", tarfile.SYMTYPE, "a/b/up/.."),
            ],
            id="a link that leaves through another one",
        ),
        pytest.param([member("models/h", tarfile.LNKTYPE, "../out")], id="a hard link that leaves"),
        pytest.param([member("models/h", tarfile.LNKTYPE, "etc/passwd")], id="a hard link to what is no file of ours"),
        pytest.param(
            [member("models/l", tarfile.SYMTYPE, "x"), member("models/h", tarfile.LNKTYPE, "models/l/y")],
            id="a hard link through a link to nothing",
        ),
        pytest.param([member("models/null", tarfile.CHRTYPE)], id="a device"),
        pytest.param([member("models/pipe", tarfile.FIFOTYPE)], id="a pipe"),
        pytest.param([member("models/a", data=b"x"), member("models/a/b", data=b"x")], id="a file below a file"),
        pytest.param([member("models/a/b", data=b"x"), member("models/a", data=b"x")], id="a file over a folder"),
        pytest.param([member("models/" + "x" * 256, data=b"x")], id="a name that no disk takes"),
    ],
)
def test_a_hostile_layer_is_refused_and_writes_nothing_outside(tmp_path, members):
    folder = tmp_path / "deep" / "model"
    folder.mkdir(parents=True)
    found = unpack([tar_of(*members)], folder)
    assert isinstance(found, Unsafe)
    assert found.message.startswith("the layer is refused: ")
    assert {path.name for path in tmp_path.rglob("*") if not path.is_relative_to(folder)} == {"deep"}


def test_nothing_is_written_over_what_a_link_names(tmp_path):
    (tmp_path / "mine").write_text("mine")
    model = tmp_path / "model"
    model.mkdir()
    os.symlink("../mine", model / "x")  # noqa: PTH211 (as an earlier, trusted tool may have left it)
    assert isinstance(unpack([pack({"x": b"theirs"})], model), Unpacked)
    assert (tmp_path / "mine").read_text() == "mine"
    assert files(model) == {"x": b"theirs"}


def test_all_bytes_are_taken_so_that_they_can_be_hashed_on_their_way(tmp_path):
    data = pack({"x": b"y"}) + bytes(5 * 2**20)
    hasher = digest.Hasher()

    def hashed():
        for block in cut(data, 2**20):
            hasher.update(block)
            yield block

    assert unpack(hashed(), tmp_path) == Unpacked(("x",), 1)
    assert hasher.digest == digest.of(data)


def resized(data, at, field):
    """Let the header at `at` claim another size."""
    header = bytearray(data[at : at + 512])
    header[124:136] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return data[:at] + bytes(header) + data[at + 512 :]


LONG_NAME = tar_of(member("models/" + "x" * 300, data=b"y"))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(resized(pack({"x": b"y"}), 1024, b"\xff" * 12), id="a size below zero"),
        pytest.param(resized(LONG_NAME, 0, b"%011o\0" % 2**32), id="a PAX header of 4 GiB"),
        pytest.param(pack({"x": b"y" * 600})[:2600], id="a tar without its end"),
        pytest.param(b"", id="nothing"),
        pytest.param(pack({"x": b"y"})[:1024] + b"?" * 512 + bytes(1024), id="a damaged header amid the tar"),
        pytest.param(b"no tar at all" * 100, id="other bytes"),
        pytest.param(pack({"x": b"y" * 5000})[:3000], id="a tar that ends in the middle of a file"),
    ],
)
def test_what_is_no_whole_tar_is_refused(tmp_path, data):
    assert isinstance(unpack(cut(data), tmp_path), Unsafe)
