from pathlib import Path

import pytest

from shale.sources.reader import keys


def test_a_key_is_read_without_its_last_newline(tmp_path):
    (tmp_path / "key").write_bytes(b"k" * 32 + b"\n")
    assert keys.read(tmp_path / "key", "SHALE_KEY") == b"k" * 32


def test_a_short_key_is_refused_and_not_shown(tmp_path):
    (tmp_path / "key").write_text("secret\n")
    with pytest.raises(ValueError, match=r"SHALE_KEY=.+/key holds 6 bytes, of 32 at least") as refused:
        keys.read(tmp_path / "key", "SHALE_KEY")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("path", [Path("/nowhere/key"), Path()], ids=["that is not there", "that nobody named"])
def test_a_key_cannot_be_done_without(path):
    with pytest.raises(ValueError, match="SHALE_KEY"):
        keys.read(path, "SHALE_KEY")
