"""tools/fetch_debian.py: best effort, one loud line, nothing outside .tools."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def here(fetch_debian: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script with an empty .tools, and a PATH without any program."""
    monkeypatch.setattr(fetch_debian, "TOOLS", tmp_path / ".tools")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    (tmp_path / "path").mkdir()
    return fetch_debian


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def archive(here: ModuleType, monkeypatch: pytest.MonkeyPatch, *, known_after_updates: int) -> list[str]:
    """An archive that knows a package only after so many updates; returns what it was asked."""
    asked: list[str] = []

    def apt(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        asked.append(" ".join(arguments))
        known = arguments[0] == "update" or asked.count("update") >= known_after_updates
        if known and cwd:
            (cwd / f"{arguments[1]}.deb").touch()
        return subprocess.CompletedProcess(
            arguments, 0 if known else 100, "", "" if known else "E: Unable to locate it"
        )

    monkeypatch.setattr(here, "apt", apt)
    return asked


def test_what_is_present_is_not_fetched_again(here: ModuleType, monkeypatch: pytest.MonkeyPatch):
    asked = archive(here, monkeypatch, known_after_updates=0)
    for name in here.PROGRAMS:
        program(here.TOOLS / "bin" / name, "exit 0")
    assert here.main() == 0
    assert asked == []


def test_programs_of_the_machine_are_good_enough(here: ModuleType, tmp_path: Path):
    for name in here.PROGRAMS:
        program(tmp_path / "path" / name, "exit 0")
    assert here.main() == 0
    assert not here.TOOLS.exists()


def test_one_program_is_fetched_without_the_others(here: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive(here, monkeypatch, known_after_updates=0)
    assert here.fetch(tmp_path, ("docker-registry",)) == ""
    assert [path.name for path in tmp_path.glob("*.deb")] == ["docker-registry.deb"]
    here.unpack(tmp_path / "path", ("docker-registry",))
    assert [path.name for path in (here.TOOLS / "bin").iterdir()] == ["docker-registry"]


def test_a_program_that_is_not_known_is_named(here: ModuleType, capsys: pytest.CaptureFixture[str]):
    assert here.main(("podmann",)) == 2
    assert "podmann is not known here" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["exit 127", "echo no library >&2; exit 1"])
def test_a_program_that_does_not_start_is_not_present(script: str, here: ModuleType):
    program(here.TOOLS / "bin" / "skopeo", script)
    assert not here.present("skopeo")


@pytest.mark.parametrize("updates", [0, 1, 3])
def test_an_index_that_lacks_a_package_is_updated_again(
    updates: int, here: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = archive(here, monkeypatch, known_after_updates=updates)
    assert here.fetch(tmp_path, ["skopeo", "kubectl"]) == ""
    assert asked.count("update") == updates
    assert {"skopeo.deb", "kubernetes-client.deb"} <= {path.name for path in tmp_path.glob("*.deb")}


def test_updates_have_a_limit_and_a_reason_at_the_end(
    here: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = archive(here, monkeypatch, known_after_updates=99)
    assert here.fetch(tmp_path, ["skopeo"]) == "E: Unable to locate it"
    assert asked.count("update") == here.UPDATES


def test_without_apt_it_says_one_loud_line(here: ModuleType, capsys: pytest.CaptureFixture[str]):
    assert here.main() == 1
    said = capsys.readouterr().err
    missing = " and ".join(here.PROGRAMS)
    assert said.startswith(f"!!! {missing} not to be had (this machine has no apt-get)")
    assert said.count("\n") == 1


def test_a_wrapper_gives_its_program_the_libraries_beside_it(
    here: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    root = here.TOOLS / "debian"
    program(root / "usr" / "bin" / "skopeo", 'echo "$LD_LIBRARY_PATH $@"')
    (root / "usr" / "lib" / "x86_64-linux-gnu").mkdir(parents=True)
    here.unpack(tmp_path / "path", ["skopeo"])
    said = subprocess.run(
        [here.TOOLS / "bin" / "skopeo", "copy"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert said.startswith(f"{root}/usr/lib/x86_64-linux-gnu:")
    assert said.endswith(" --insecure-policy copy\n")
