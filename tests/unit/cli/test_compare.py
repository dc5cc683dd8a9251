"""Are these the same files? Every difference by name."""

import pytest

from shale.cli.compare import Against, trees
from shale.oci import tarball
from shale.oci.tarball import Content, Entry

DATA = b"weights" * 1000


def tree(folder):
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "w.bin").write_bytes(DATA)
    (folder / "config.json").write_bytes(b"{}")
    (folder / "latest").symlink_to("config.json")
    return folder


def complaints(folder):
    entries = (
        Entry("config.json", size=2),
        Entry("latest", "symlink", link="config.json"),
        Entry("sub", "directory"),
        Entry("sub/w.bin", size=len(DATA)),
    )
    contents = {"config.json": b"{}", "sub/w.bin": DATA}
    against = Against(folder)
    pieces = tarball.frame(entries, root=True)
    against.layer(contents[piece.path] if isinstance(piece, Content) else piece for piece in pieces)
    against.finish()
    return against.complaints


def same_size(folder):
    (folder / "sub" / "w.bin").write_bytes(DATA[:-1] + b"S")


def shorter(folder):
    (folder / "sub" / "w.bin").write_bytes(DATA[:-1])


def longer(folder):
    (folder / "sub" / "w.bin").write_bytes(DATA + b"\n")


def gone(folder):
    (folder / "sub" / "w.bin").unlink()


def more(folder):
    (folder / "sub" / "more").mkdir()


def other_link(folder):
    (folder / "latest").unlink()
    (folder / "latest").symlink_to("sub/w.bin")


def file_for_link(folder):
    (folder / "latest").unlink()
    (folder / "latest").write_bytes(b"{}")


def link_for_file(folder):
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("sub/w.bin")


def file_for_folder(folder):
    gone(folder)
    (folder / "sub").rmdir()
    (folder / "sub").write_bytes(b"")


CHANGES = [
    (same_size, "sub/w.bin"),
    (shorter, "sub/w.bin"),
    (longer, "sub/w.bin"),
    (gone, "sub/w.bin"),
    (more, "sub/more"),
    (other_link, "latest"),
    (file_for_link, "latest"),
    (link_for_file, "config.json"),
    (file_for_folder, "sub"),
]
IDS = [change.__name__.replace("_", " ") for change, _ in CHANGES]


def test_equal_folders_have_no_difference(tmp_path):
    one, other = tree(tmp_path / "one"), tree(tmp_path / "other")
    assert trees(one, other) == []
    assert complaints(one) == []


@pytest.mark.parametrize(("change", "name"), CHANGES, ids=IDS)
def test_two_folders_that_differ_are_told_apart_by_name(tmp_path, change, name):
    one, other = tree(tmp_path / "one"), tree(tmp_path / "other")
    change(other)
    assert any(line.startswith(name) for line in trees(one, other))


@pytest.mark.parametrize(("change", "name"), CHANGES, ids=IDS)
def test_a_folder_that_is_not_the_image_is_told_by_name(tmp_path, change, name):
    folder = tree(tmp_path / "one")
    change(folder)
    assert any(line.startswith(name) for line in complaints(folder))
