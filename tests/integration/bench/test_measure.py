"""What a command took: its whole tree, its failures with their last words; and what folders hold."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from shale.testkit.bench.measure import MB, BenchError, held, spent

TREE = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "x = bytearray(120_000_000); sum(i * i for i in range(2_000_000))"], check=True)
open("written", "wb").write(bytes(8_000_000))
"""


def test_a_whole_tree_is_counted(tmp_path: Path):
    took = spent([sys.executable, "-c", TREE], tmp_path)
    assert took.wall > 0
    assert took.cpu > 0
    assert 120 * MB < took.rss < 200 * MB


def test_who_measures_is_not_counted(tmp_path: Path):
    large = bytearray(300 * MB)
    took = spent(["true"], tmp_path)
    assert took.rss < len(large) / 4


def test_a_failure_says_what_failed_and_its_last_words(tmp_path: Path):
    with pytest.raises(BenchError, match=r"sh -c echo no room; exit 3 ended with 3: no room"):
        spent(["sh", "-c", "echo no room; exit 3"], tmp_path)


def test_who_takes_too_long_is_ended_with_its_tree(tmp_path: Path):
    with pytest.raises(BenchError, match=r"took more than 0.2 s"):
        spent(["sh", "-c", "sleep 600 & echo $! > pid; wait"], tmp_path, within=0.2)


def test_an_environment_is_on_top(tmp_path: Path):
    spent(["sh", "-c", 'test "$OURS" = yes && test -n "$PATH"'], tmp_path, {"OURS": "yes"})


def test_what_a_folder_holds_counts_a_linked_file_once(tmp_path: Path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a").write_bytes(b"x" * 100)
    (tmp_path / "b").hardlink_to(tmp_path / "below" / "a")
    (tmp_path / "c").symlink_to(tmp_path / "b")
    (tmp_path / "d").write_bytes(b"x" * 11)
    assert held(tmp_path) == 111
