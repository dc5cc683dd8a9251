import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shale.oci import digest, tarball
from shale.oci.tarball import Content, Entry

GIB = 2**30
A_PART = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=40)
A_NAME = A_PART.filter(lambda part: part not in {".", ".."})
A_PATH = st.lists(A_NAME, min_size=1, max_size=8).map("/".join)


@st.composite
def trees(draw):
    """Draw distinct top-level folders, each with one thing in it, so that no path is the parent of a file."""
    names = draw(st.lists(A_PATH, unique_by=lambda path: path.split("/")[0].casefold(), max_size=5))
    return [draw(things(path)) for path in names]


@st.composite
def things(draw, path):
    match draw(st.sampled_from(("file", "directory", "symlink"))):
        case "directory":
            return Entry(path, "directory"), b""
        case "symlink":
            return Entry(path, "symlink", link=draw(A_PATH)), b""
        case _:
            data = draw(st.binary(max_size=1500))
            return Entry(path, "file", len(data), draw(st.sampled_from((0o644, 0o600, 0o755, 0o700)))), data


def framing(*entries, root=False):
    """Frame entries that have no contents."""
    return [piece for piece in tarball.frame(entries, root=root) if isinstance(piece, bytes)]


def write(tree, *, root=False):
    """Frame a tree and put its contents where they belong."""
    held = {entry.path: data for entry, data in tree}
    pieces = tarball.frame([entry for entry, _ in tree], root=root)
    return b"".join(held[piece.path] if isinstance(piece, Content) else piece for piece in pieces)


@given(trees(), st.booleans())
def test_the_size_is_known_before_a_byte_is_read(tree, root):
    assert tarball.size([entry for entry, _ in tree], root=root) == len(write(tree, root=root))


@given(trees())
def test_packing_twice_gives_equal_bytes(tree):
    assert digest.of(write(tree)) == digest.of(write(tree))


@given(trees())
def test_python_reads_back_what_was_framed(tree):
    with tarfile.open(fileobj=io.BytesIO(write(tree))) as tar:
        found = tar.getmembers()
        assert [member.name for member in found] == [f"models/{entry.path}" for entry, _ in tree]
        for member, (entry, data) in zip(found, tree, strict=True):
            assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
            match entry.kind:
                case "file":
                    assert (tar.extractfile(member) or io.BytesIO()).read() == data
                    assert member.mode == (0o755 if entry.mode & 0o100 else 0o644)
                case "directory":
                    assert member.isdir()
                    assert member.mode == 0o755
                case "symlink":
                    assert member.issym()
                    assert member.linkname == entry.link
                case other:
                    raise AssertionError(other)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(trees())
@example([(Entry("a" * 255, size=3), b"one"), (Entry("\N{CJK UNIFIED IDEOGRAPH-6A21}" * 85, size=3), b"two")])
@example([(Entry("a\nb", size=1), b"x"), (Entry("-rf", size=1), b"y"), (Entry("c d", "symlink", link="e\tf"), b"")])
def test_gnu_tar_unpacks_what_was_framed(tmp_path, tree):
    folder = tmp_path / digest.of(write(tree))[7:23]
    folder.mkdir(exist_ok=True)
    gnu_tar("--extract", folder, write(tree))
    for entry, data in tree:
        path = folder / "models" / entry.path
        match entry.kind:
            case "file":
                assert path.read_bytes() == data
            case "directory":
                assert path.is_dir()
            case "symlink":
                assert os.readlink(path) == entry.link  # noqa: PTH115 (Path would tidy it)
            case other:
                raise AssertionError(other)


@pytest.mark.parametrize(
    ("path", "blocks"),
    [
        pytest.param("a" * 93, 1, id="100 bytes with models/ fit into the name"),
        pytest.param("a" * 94, 1, id="101 bytes are cut at models/"),
        pytest.param("a" * 100, 1, id="a name of 100 bytes"),
        pytest.param("a" * 101, 3, id="a name of 101 bytes needs PAX"),
        pytest.param("a" * 255, 3, id="a name of 255 bytes needs PAX"),
        pytest.param("b" * 148 + "/" + "a" * 100, 1, id="155 + 100 bytes fit, as full as ustar can be"),
        pytest.param("b" * 149 + "/" + "a" * 100, 3, id="156 + 100 bytes need PAX"),
        pytest.param("\N{LATIN SMALL LETTER E WITH ACUTE}", 3, id="what is not ASCII needs PAX"),
    ],
)
def test_a_pax_header_comes_only_where_ustar_cannot_say_it(path, blocks):
    pieces = framing(Entry(path))
    assert len(pieces[0]) == blocks * 512
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        assert tar.getnames() == [f"models/{path}"]


def test_a_long_folder_is_not_cut_at_its_own_last_slash():
    data = write([(Entry("d" * 145, "directory"), b""), (Entry("c" * 60 + "/" + "d" * 99, "directory"), b"")])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [member.name[7:10] for member in tar if member.isdir()] == ["ddd", "ccc"]


@pytest.mark.parametrize("length", [100, 101, 4000])
def test_a_link_may_be_as_long_as_it_likes(length):
    data = write([(Entry("x", "symlink", link="t" * length), b"")])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getmembers()[0].linkname == "t" * length


@pytest.mark.parametrize(
    ("size", "blocks"),
    [
        pytest.param(8 * GIB - 1, 1, id="one byte less than 8 GiB fits into eleven octal digits"),
        pytest.param(8 * GIB, 3, id="8 GiB"),
        pytest.param(10**13, 3, id="10 TB"),
    ],
)
def test_files_of_8_gib_and_more_are_framed_and_found_by_both_readers(tmp_path, size, blocks):
    entries = [Entry("big.safetensors", size=size), Entry("after", size=0)]
    head, *rest = framing(*entries)
    assert list(tarball.frame(entries))[1] == Content("big.safetensors", size)
    assert len(head) == blocks * 512
    assert tarball.size(entries) == len(head) + -(-size // 512) * 512 + 512 + 1024
    if size > 9 * GIB:
        return  # more than this disk's file system lets a hole be
    sparse = tmp_path / "sparse.tar"
    with sparse.open("wb") as file:
        file.write(head)
        file.seek(size, os.SEEK_CUR)
        file.write(b"".join(rest))
    assert read_by_gnu_tar(sparse) == [f"models/big.safetensors {size}", "models/after 0"]
    with tarfile.open(sparse) as tar:
        assert [(member.name, member.size) for member in tar] == [("models/big.safetensors", size), ("models/after", 0)]


def test_the_first_layer_brings_the_root_and_its_link():
    with tarfile.open(fileobj=io.BytesIO(write([], root=True))) as tar:
        models, link = tar.getmembers()
    assert (models.name, models.isdir(), models.mode) == ("models", True, 0o755)
    assert (link.name, link.issym(), link.linkname) == ("kubedl-model", True, "models")


def test_every_other_layer_brings_only_its_own():
    assert write([]) == bytes(1024)


def test_contents_carry_the_version_that_was_listed():
    pieces = list(tarball.frame([Entry("x", size=5, version="7:8:9")]))
    assert pieces[1] == Content("x", 5, "7:8:9")


def test_the_bytes_are_those_of_ever():
    tree = [(Entry("a/config.json", size=2), b"{}"), (Entry("link", "symlink", link="a"), b"")]
    assert (
        digest.of(write(tree, root=True)) == "sha256:3544313dca655c3c5942535cf9e6991df57657a7cb9ccc1c086162c85984acce"
    )


def gnu_tar(verb: str, folder: Path, data: bytes) -> None:
    subprocess.run(["tar", verb, "--file=-"], cwd=folder, input=data, check=True, timeout=60, capture_output=True)


def read_by_gnu_tar(path: Path) -> list[str]:
    listed = subprocess.run(["tar", "-tvf", path], check=True, timeout=60, capture_output=True, text=True)
    return [f"{line.split()[5]} {line.split()[2]}" for line in listed.stdout.splitlines()]


@pytest.mark.parametrize("path", [".wh.config.json", "sub/.wh..wh..opq", ".wh.sub/x"])
def test_a_name_that_would_delete_a_file_is_never_framed(path):
    with pytest.raises(ValueError, match="would delete a file"):
        list(tarball.frame([tarball.Entry(path)]))
