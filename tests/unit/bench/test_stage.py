"""What a bench is asked, and what it says of what it could not measure."""

from __future__ import annotations

from pathlib import Path

from shale.testkit.bench.measure import BenchError
from shale.testkit.bench.stage import ROOT, Stage, asked


def test_a_size_is_in_gb_and_a_folder_is_made(tmp_path: Path):
    assert asked(["--size", "0.5", "--rounds", "2", "--folder", str(tmp_path / "x")]) == Stage(
        500_000_000, 2, tmp_path / "x"
    )
    assert (tmp_path / "x").is_dir()


def test_no_folder_of_a_machine_is_kept_in_figures(tmp_path: Path):
    error = BenchError(f"{ROOT}/.tools/x {tmp_path}/base ended with 1: no room in {tmp_path}/room-1")
    assert Stage(1, 1, tmp_path).why(error) == "./.tools/x FOLDER/base ended with 1: no room in FOLDER/room-1"


def test_the_root_is_the_repositorys():
    assert (ROOT / "run.py").exists()
