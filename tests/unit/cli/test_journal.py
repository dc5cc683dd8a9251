"""Where a pack notes what it sent: never in what it packs, and nowhere at need."""

from pathlib import Path

from shale.cli import journal
from shale.cli.journal import Journal
from shale.contracts.artifact import File, Layer

LAYER = Layer("0-a", "model.bin", 700, (File("model.bin", 700, version="1:2:3"),))


def test_it_lies_in_the_user_s_cache_and_never_in_what_is_packed(tmp_path):
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert journal.folder(environ, tmp_path / "model") == tmp_path / "cache" / "shale" / "packing"
    assert journal.folder(environ, tmp_path) is None
    (tmp_path / "link").symlink_to(tmp_path / "model")
    assert journal.folder({"XDG_CACHE_HOME": str(tmp_path / "link")}, tmp_path / "model") is None


def test_what_was_sent_is_known_to_the_next_one_until_it_is_over(tmp_path):
    Journal(tmp_path / "j", "repo", "file:///w").sent(LAYER)
    again = Journal(tmp_path / "j", "repo", "file:///w")
    assert again.knows(LAYER)
    assert not Journal(tmp_path / "j", "other", "file:///w").knows(LAYER)
    again.over()
    assert not (tmp_path / "j").exists()


def test_without_a_place_nothing_is_noted():
    for place in (None, Path("/proc/nowhere")):
        one = Journal(place, "repo", "file:///w")
        one.sent(LAYER)
        assert not one.knows(LAYER)
        one.over()
