"""What only folders can do; what every source does is in tests/contract/doors/test_source.py."""

import os
import socket
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from shale.oci.small import LARGE
from shale.oci.tarball import Content
from shale.sources import filesystem, listing, roots
from shale.sources.filesystem import FileSystem, to_uri
from shale.sources.source import Scan, SourceChangedError, Unscannable


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "root" / "model"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def source(folder):
    return opened("file:///models/model", folder)


def found(uri, folder):
    return filesystem.open_folder(uri, roots.parse(f"/models={folder.parent}"))


def opened(uri, folder):
    source = found(uri, folder)
    assert isinstance(source, FileSystem)
    return source


def sparse(path, size):
    with path.open("wb") as file:
        file.truncate(size)


def paths(scan):
    assert isinstance(scan, Scan), scan
    return [entry.path for entry in scan.entries]


def test_from_16_mib_on_a_file_stands_by_itself(folder, source):
    sparse(folder / "large.bin", LARGE)
    sparse(folder / "small.bin", LARGE - 1)
    scan = source.scan()
    assert [(file.path, file.size) for file in scan.files] == [("large.bin", LARGE)]
    assert [(entry.path, entry.size) for entry in scan.entries] == [("small.bin", LARGE - 1)]


def test_the_version_is_inode_mtime_and_ctime(folder, source):
    sparse(folder / "large.bin", LARGE)
    found = (folder / "large.bin").stat()
    assert source.scan().files[0].version == f"{found.st_ino}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def test_modes_are_those_that_a_layer_carries(folder, source):
    for mode in (0o600, 0o666, 0o700, 0o711, 0o4755):
        path = folder / f"{mode:o}"
        path.touch()
        path.chmod(mode)
    modes = {entry.path: entry.mode for entry in source.scan().entries}
    assert modes == {"600": 0o644, "666": 0o644, "700": 0o755, "711": 0o755, "4755": 0o755}


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("a/x", id="a file below"),
        pytest.param("./a/../a/x", id="written crookedly"),
        pytest.param("a", id="a folder"),
        pytest.param("nowhere", id="nothing: the image's business"),
        pytest.param("link", id="itself"),
    ],
)
def test_a_link_that_stays_inside_is_carried_as_it_is(folder, source, target):
    (folder / "a").mkdir()
    (folder / "a" / "x").touch()
    os.symlink(target, folder / "link")  # noqa: PTH211 (Path would tidy it)
    found = {entry.path: entry for entry in source.scan().entries}["link"]
    assert (found.kind, found.link, found.size) == ("symlink", target, 0)


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("../outside", id="out of the folder"),
        pytest.param("a/../../outside", id="out, through a folder"),
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("a/b/up/..", id="out, through another link that stays inside"),
        pytest.param("..", id="the parent"),
    ],
)
def test_a_link_that_leaves_is_refused_by_name(folder, source, target):
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "up").symlink_to("../..")
    (folder / "link").symlink_to(target)
    refused = source.scan()
    assert refused.reason == "UnsafeLink"
    assert refused.message.startswith(
        f"'link' in file:///models/model is a link to {target!r}, which leaves the folder"
    )
    assert "exclude it" in refused.message


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_file_is_refused_by_name_and_kind(folder, source, kind):
    with special(kind, folder / "odd"):
        assert source.scan() == Unscannable(
            "NotAFile", f"'odd' in file:///models/model is a {kind}, which no image can carry: exclude or remove it"
        )
        assert paths(source.scan(exclude="odd")) == []


@contextmanager
def special(kind, path):
    match kind:
        case "pipe":
            os.mkfifo(path)
            yield
        case "device":
            try:
                os.mknod(path, stat.S_IFCHR, os.makedev(1, 3))
            except PermissionError:
                pytest.skip("only root makes devices")
            yield
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(os.path.relpath(path))  # a path of at most 107 bytes
                yield
        case other:
            raise AssertionError(other)


@contextmanager
def nobody(path):
    """Be a user whom modes bind; root is not."""
    if os.geteuid():
        yield
        return
    for one in (path, *path.rglob("*")):
        os.chown(one, 65534, 65534, follow_symlinks=False)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("what", ["a/file", "a"])
def test_what_may_not_be_read_is_refused_by_name(what):
    with tempfile.TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        folder = Path(top, "model")
        (folder / "a").mkdir(parents=True)
        (folder / "a" / "file").touch()
        (folder / what).chmod(0)
        source = opened("file:///models/model", folder)
        with nobody(folder):
            refused = source.scan()
            assert paths(source.scan(exclude="a")) == []
        (folder / what).chmod(0o700)
    assert refused == Unscannable(
        "Unreadable",
        f"{what!r} in file:///models/model may not be read: give the packer that right, or exclude it",
    )


@pytest.mark.parametrize("name", [b"bad\xff", b"\xe9t\xe9"])
def test_a_name_that_is_not_utf_8_is_refused(folder, source, name):
    (folder / os.fsdecode(name)).touch()
    refused = source.scan()
    assert refused.reason == "BadName"
    refused.message.encode()  # can be said in a fact


def test_a_link_to_a_name_that_is_not_utf_8_is_refused(folder, source):
    os.symlink(b"bad\xff", os.fsencode(folder / "link"))  # noqa: PTH211 (bytes)
    assert source.scan().reason == "BadName"


@pytest.mark.parametrize("name", ["a\nb", "tab\there", "-rf", " ", "\N{SNOWMAN}", "a" * 255, "\x01"])
def test_any_other_name_is_carried(folder, source, name):
    (folder / name).touch()
    assert paths(source.scan()) == [name]


@pytest.mark.parametrize(("large", "others"), [(3, 9), (9, 3)])
def test_too_many_of_either_are_refused(folder, source, monkeypatch, large, others):
    monkeypatch.setattr(listing, "MAX_LARGE", large)
    monkeypatch.setattr(listing, "MAX_ENTRIES", others)
    for number in range(4):
        sparse(folder / f"large-{number}", LARGE)
        (folder / f"small-{number}").touch()
    refused = source.scan()
    assert refused.reason == "TooManyFiles"
    assert "holds more than" in refused.message
    assert isinstance(source.scan(exclude="large-0,small-0,large-1,small-1,large-2,small-2"), Unscannable | Scan)


def test_a_tree_without_end_is_refused(folder, source):
    folder.joinpath(*["d"] * 70).mkdir(parents=True)
    assert source.scan().reason == "TooManyFiles"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        pytest.param("file:///models/nowhere", "SourceNotFound", id="a folder that is not there"),
        pytest.param("file:///models/model/file", "NotAFolder", id="a file"),
        pytest.param("file:///elsewhere", "OutsideRoots", id="a folder below no root"),
        pytest.param("file:///models/../etc", "OutsideRoots", id="a path that leaves"),
        pytest.param("file:///models/%2e%2e/etc", "OutsideRoots", id="a path that leaves, in disguise"),
        pytest.param("file:///models/a%00b", "OutsideRoots", id="NUL"),
        pytest.param("file:///models/out", "UnsafeLink", id="a link that leaves the root"),
    ],
)
def test_a_source_that_cannot_be_listed_says_why(folder, uri, reason):
    (folder / "file").touch()
    (folder.parent / "out").symlink_to("/etc")
    source = found(uri, folder)
    refused = source.scan() if isinstance(source, FileSystem) else source
    assert isinstance(refused, Unscannable)
    assert refused.reason == reason
    assert uri in refused.message
    if isinstance(source, FileSystem):
        assert source.resolve() == refused


def test_a_link_to_a_version_within_the_root_is_followed_once(folder):
    (folder / "x").touch()
    (folder.parent / "latest").symlink_to("model")
    source = opened("file:///models/latest", folder)
    assert source.resolve() == "file:///models/latest"
    assert paths(source.scan()) == ["x"]
    (folder.parent / "latest").unlink()
    (folder.parent / "latest").symlink_to("/etc")
    assert paths(source.scan()) == ["x"]


def test_a_uri_carries_any_path(folder):
    odd = folder.parent / "50% off? #1 \N{SNOWMAN}"
    odd.mkdir()
    (odd / "x").touch()
    assert paths(opened(to_uri(f"/models/{odd.name}"), folder).scan()) == ["x"]


def test_a_folder_that_becomes_a_link_while_it_is_read_leads_nowhere(folder, source):
    (folder / "a").mkdir()
    (folder / "a" / "passwd").write_text("mine")
    source.scan()
    (folder / "a").rename(folder / "b")
    (folder / "a").symlink_to("/etc")
    with pytest.raises(SourceChangedError, match="'a/passwd' in file:///models/model was listed"):
        list(source.open(Content("a/passwd", 4)))


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../secret"])
def test_a_path_of_a_job_never_leaves_the_folder(source, path):
    with pytest.raises(ValueError, match="is not a path below a folder"):
        list(source.open(Content(path, 1)))


def test_a_file_that_became_a_pipe_is_told_without_waiting(folder, source):
    os.mkfifo(folder / "x")
    with pytest.raises(SourceChangedError, match="is no file any more"):
        list(source.open(Content("x", 0)))
