import os
from pathlib import Path

import pytest

from shale.sources import beneath


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("in")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "a" / "b" / "filelink").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    with beneath.opened(str(tmp_path), "") as fd:
        yield fd


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_is_opened_through_its_folders(tree):
    fd = beneath.open_beneath(tree, "a/b/file", beneath.FILE)
    assert os.read(fd, 10) == b"in"
    os.close(fd)


@pytest.mark.parametrize("path", ["link/b/file", "a/b/filelink", "a/missing", "a/b/file/x", "missing/x"])
def test_no_link_is_followed_and_nothing_stays_open(tree, path):
    before = open_files()
    with pytest.raises(OSError, match=r".+"):
        beneath.open_beneath(tree, path, beneath.FILE)
    assert open_files() == before


@pytest.mark.parametrize("path", ["", "..", "a/../../x", "/etc/passwd", "a//b", "./a", "a/"])
def test_a_path_that_might_leave_is_a_mistake(tree, path):
    with pytest.raises(ValueError, match="is not a path below a folder"):
        beneath.open_beneath(tree, path, beneath.FILE)


def test_a_pipe_makes_nobody_wait(tree):
    os.close(beneath.open_beneath(tree, "pipe", beneath.FILE))


def test_a_folder_is_held_open_and_let_go(tmp_path, tree):
    before = open_files()
    with beneath.opened(str(tmp_path), "a/b") as fd:
        assert os.fstat(fd).st_ino == (tmp_path / "a" / "b").stat().st_ino
    with pytest.raises(NotADirectoryError), beneath.opened(str(tmp_path), "a/b/file"):
        pass
    assert open_files() == before
    assert tree
