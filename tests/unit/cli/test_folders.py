"""Where a pulled image goes."""

import pytest

from shale.cli import folders
from shale.cli.exits import CliError


def test_a_folder_that_cannot_be_made_is_named_with_the_cure(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CliError, match=r"file/x cannot be made in .*file .*: give a folder"),
        folders.fresh(tmp_path / "file" / "x"),
    ):
        pytest.fail("made")


def test_a_folder_takes_its_place_once_all_is_there(tmp_path):
    with folders.fresh(tmp_path / "new") as coming:
        (coming.files / "a").write_text("a")
        assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
