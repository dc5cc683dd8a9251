"""run.py: one stamp decides whether anything is installed, and exit codes are those of what was run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

MEMBER = '[project]\nname = "shale-contracts"\n'


@pytest.fixture
def house(run_py: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A run.py whose repository is a small folder, with a .venv that needs no installing."""
    (tmp_path / "libs" / "contracts").mkdir(parents=True)
    (tmp_path / "libs" / "contracts" / "pyproject.toml").write_text(MEMBER)
    (tmp_path / "requirements.txt").write_text("msgspec==0.22.0\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(run_py, "ROOT", tmp_path)
    monkeypatch.setattr(run_py, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(run_py, "STAMP", tmp_path / ".venv" / "shale.stamp")
    return run_py


@pytest.fixture
def steps(house: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the set-up would have done, in order; what a test puts into `house.failing` fails."""
    done: list[str] = []
    monkeypatch.setattr(house, "failing", (), raising=False)

    def step(what: str, *command: str) -> None:
        done.append(f"{what} by {Path(command[0]).name}")
        if f"{what} by {Path(command[0]).name}" in house.failing:
            raise house.SetupError(what)

    monkeypatch.setattr(house, "step", step)
    return done


def tool(house: ModuleType, name: str, script: str) -> None:
    """A program in the small .venv."""
    path = house.VENV / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


class TestSetUp:
    def test_installs_requirements_then_weights_then_members(self, house: ModuleType, steps: list[str]):
        house.set_up()
        assert steps == [
            "uv by python",
            "pinned requirements by uv",
            "weights of the demo by uv",
            "the members of the workspace by uv",
        ]

    def test_does_nothing_a_second_time(self, house: ModuleType, steps: list[str]):
        house.set_up()
        steps.clear()
        house.set_up()
        assert steps == []

    @pytest.mark.parametrize(
        "changed", ["requirements.txt", "requirements-weights.txt", "libs/contracts/pyproject.toml"]
    )
    def test_installs_again_when_something_it_is_made_from_changed(
        self, changed: str, house: ModuleType, steps: list[str]
    ):
        house.set_up()
        steps.clear()
        (house.ROOT / changed).write_text("changed")
        house.set_up()
        assert len(steps) == 4

    def test_installs_again_when_a_member_came(self, house: ModuleType, steps: list[str]):
        house.set_up()
        steps.clear()
        (house.ROOT / "services" / "watcher").mkdir(parents=True)
        (house.ROOT / "services" / "watcher" / "pyproject.toml").write_text(MEMBER)
        house.set_up()
        assert len(steps) == 4

    def test_makes_the_environment_when_its_python_is_gone(self, house: ModuleType, steps: list[str]):
        house.set_up()
        steps.clear()
        (house.VENV / "bin" / "python").unlink()
        house.set_up()
        assert steps[0] == f"python environment by {Path(sys.executable).name}"

    @pytest.mark.parametrize(
        "broken", ["uv by python", "pinned requirements by uv", "the members of the workspace by uv"]
    )
    def test_pip_does_it_all_when_uv_cannot(
        self, broken: str, house: ModuleType, steps: list[str], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(house, "failing", (broken,))
        house.set_up()
        assert steps[-3:] == [
            "pinned requirements by python",
            "weights of the demo by python",
            "the members of the workspace by python",
        ]
        assert house.STAMP.exists()

    @pytest.mark.parametrize("step_that_failed", ["pinned requirements", "the members of the workspace"])
    def test_what_was_left_unfinished_is_made_afresh(
        self, step_that_failed: str, house: ModuleType, steps: list[str], monkeypatch: pytest.MonkeyPatch
    ):
        half_installed = house.VENV / "half-installed"
        half_installed.touch()
        monkeypatch.setattr(house, "failing", (f"{step_that_failed} by uv", f"{step_that_failed} by python"))
        with pytest.raises(house.SetupError):
            house.set_up()
        assert half_installed.exists(), "what someone else made is adjusted, not thrown away"
        monkeypatch.setattr(house, "failing", ())
        steps.clear()
        house.set_up()
        assert not half_installed.exists()
        assert steps[0] == f"python environment by {Path(sys.executable).name}"
        assert house.STAMP.read_text() == house.fingerprint()

    def test_an_environment_without_pip_is_made_afresh(self, house: ModuleType, steps: list[str]):
        (house.VENV / "bin" / "python").unlink()
        tool(house, "python", "exit 1")
        house.set_up()
        assert steps[0] == f"python environment by {Path(sys.executable).name}"


class TestStep:
    def test_says_what_it_does_and_how_long_it_took(self, run_py: ModuleType, capsys: pytest.CaptureFixture[str]):
        run_py.step("a short step", "true")
        assert re.fullmatch(r" *a short step +\d+\.\d s\n", capsys.readouterr().err)

    def test_tells_the_last_lines_of_what_failed(self, run_py: ModuleType):
        with pytest.raises(run_py.SetupError, match=r"a step failed: sh -c .*\n    no such index"):
            run_py.step("a step", "sh", "-c", "echo no such index >&2; exit 3")


class TestChecks:
    def test_the_exit_code_is_the_first_that_is_not_0(self, house: ModuleType, capfd: pytest.CaptureFixture[str]):
        for name, script in (("good", "exit 0"), ("bad", "exit 3"), ("worse", "exit 4")):
            tool(house, name, script)
        assert house.checks("good", "bad", "worse", "good") == 3
        ends = [line.split()[:2] for line in capfd.readouterr().err.splitlines()[-4:]]
        assert [words[0] if words[0] == "ok" else words[1] for words in ends] == ["ok", "3", "4", "ok"]

    def test_arguments_keep_their_spaces(self, house: ModuleType, capfd: pytest.CaptureFixture[str]):
        tool(house, "ruff", "exit 0")
        for name in ("basedpyright", "lint-imports", "shale-blueprint"):
            tool(house, name, "exit 0")
        tool(house, "pytest", 'for a in "$@"; do echo "<$a>"; done')
        assert house.test(["--quick", "-k", "a and b"]) == 0
        assert capfd.readouterr().out.split("\n")[-3:] == ["<-k>", "<a and b>", ""]

    def test_quick_leaves_all_but_the_units_out(self, house: ModuleType, monkeypatch: pytest.MonkeyPatch):
        ran: list[str] = []
        monkeypatch.setattr(house, "checks", lambda *commands: ran.extend(commands) or 0)
        house.test(["--quick"])
        assert [command for command in ran if command.startswith("pytest")] == [
            f"pytest tests/unit {house.SIDE_BY_SIDE} "
        ]

    @pytest.mark.parametrize(
        ("failed", "again", "ends", "verdict"),
        [
            (["t.py::one"], 0, 1, "SHAKY: failed beside others, passed alone: t.py::one"),
            (["t.py::one"], 1, 1, "broken: failed beside others, and again alone: t.py::one"),
            (["t.py::a", "t.py::b", "t.py::c", "t.py::d"], 0, 1, ""),
            ([], 0, 1, ""),
        ],
        ids=["passes alone", "fails alone too", "too many for chance", "nobody knows which"],
    )
    def test_what_failed_beside_others_is_looked_at_alone_and_stays_a_failure(
        self, failed, again, ends, verdict, house: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd
    ):
        monkeypatch.setattr(house, "FAILED", house.ROOT / "lastfailed")
        for name in (*(command.split()[0] for command in house.LINT), "python"):
            (house.VENV / "bin" / name).unlink(missing_ok=True)
            tool(house, name, "exit 0")
        fails = f"echo '{json.dumps(dict.fromkeys(failed, True))}' > {house.FAILED}; exit 1"
        tool(house, "pytest", f'case "$*" in *--last-failed*) exit {again};; --ignore*) {fails};; esac')
        assert house.test([]) == ends
        said = capfd.readouterr().err
        assert verdict in said
        assert bool(verdict) == ("!!!" in said)

    def test_terminated_it_interrupts_the_program_and_waits_for_its_last_words(self, house: ModuleType):
        tool(
            house,
            "slow",
            f"trap 'echo cleaned > {house.ROOT}/words; exit 0' INT; kill -TERM $PPID; while :; do sleep 0.02; done",
        )
        before = signal.signal(signal.SIGTERM, house.terminate)
        try:
            with pytest.raises(SystemExit) as end:
                house.run("slow")
        finally:
            signal.signal(signal.SIGTERM, before)
        assert end.value.code == 128 + signal.SIGTERM
        assert (house.ROOT / "words").read_text() == "cleaned\n"

    def test_what_hangs_is_interrupted(self, house: ModuleType, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(house, "CHECK_SECONDS", 0.1)
        tool(house, "hangs", f"trap 'touch {house.ROOT}/ended; exit 0' INT; while :; do sleep 0.02; done")
        with pytest.raises(subprocess.TimeoutExpired):
            house.run("hangs")
        assert (house.ROOT / "ended").exists()


class TestMain:
    def test_a_python_that_is_too_old_is_one_clear_line(
        self, run_py: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        monkeypatch.setattr(run_py, "MINIMUM", (4, 0))
        assert run_py.main(["demo"]) == 2
        assert capsys.readouterr().err.startswith("Shale needs Python 3.11 or later; this is 3.")

    @pytest.mark.parametrize(("asked", "code"), [([], 2), (["dance"], 2), (["--help"], 0)])
    def test_unknown_commands_get_the_list(
        self, asked: list[str], code: int, run_py: ModuleType, capsys: pytest.CaptureFixture[str]
    ):
        assert run_py.main(asked) == code
        assert "python3 run.py demo" in capsys.readouterr().err

    def test_a_failed_set_up_is_exit_code_1(self, house: ModuleType, monkeypatch: pytest.MonkeyPatch, steps: list[str]):
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        monkeypatch.setattr(house, "failing", ("pinned requirements by uv", "pinned requirements by python"))
        assert house.main(["demo"]) == 1
        assert steps

    @pytest.mark.parametrize(
        ("script", "said"),
        [
            pytest.param("", r"", id="nothing to fetch it with"),
            pytest.param("", r"  docker-registry of Debian +\d+\.\d s\n", id="it is to be had"),
            pytest.param(
                "import sys; sys.exit('!!! docker-registry not to be had (no apt)')",
                r"  docker-registry of Debian +docker-registry not to be had \(no apt\)\n",
                id="it is not to be had",
            ),
        ],
    )
    def test_demo_fetches_a_registry_once_and_becomes_the_shale_command(
        self, root: Path, tmp_path: Path, script: str, said: str
    ):
        house = self.house(root, tmp_path)
        if said:
            (house / "tools").mkdir()
            (house / "tools" / "fetch_debian.py").write_text(script)
        first, second = self.demo(house), self.demo(house)
        assert (first.returncode, first.stdout) == (7, "demo --keep\n")
        assert re.fullmatch(said, first.stderr)
        assert (second.returncode, second.stdout, second.stderr) == (7, "demo --keep\n", "")

    def test_an_archive_that_does_not_answer_keeps_nobody_waiting(self, root: Path, tmp_path: Path):
        house = self.house(root, tmp_path)
        (house / "tools").mkdir()
        (house / "tools" / "fetch_debian.py").write_text("import threading; threading.Event().wait()")
        done = self.demo(house, "run.FETCH_SECONDS = 0.5; ")
        assert (done.returncode, "no answer within 0.5 s" in done.stderr) == (7, True)

    @staticmethod
    def house(root: Path, tmp_path: Path) -> Path:
        """A house whose `shale` says what it was told."""
        bin_folder = tmp_path / ".venv" / "bin"
        bin_folder.mkdir(parents=True)
        (tmp_path / "run.py").write_text((root / "run.py").read_text())
        (bin_folder / "python").symlink_to(sys.executable)
        (bin_folder / "shale").write_text('#!/bin/sh\necho "$@"; exit 7\n')
        (bin_folder / "shale").chmod(0o755)
        return tmp_path

    @staticmethod
    def demo(house: Path, before: str = "") -> subprocess.CompletedProcess[str]:
        """Run its demo."""
        script = f"import run; {before}run.STAMP.write_text(run.fingerprint()); "
        return subprocess.run(
            [sys.executable, "-c", f"{script}raise SystemExit(run.main(['demo', '--keep']))"],
            cwd=house,
            env={**os.environ, "PYTHONPATH": str(house)},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
