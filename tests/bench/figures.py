"""Run benches and keep what they print beside this file, with what the machine was doing.

python3 run.py bench [quick|packing|all] [BENCH ...] [--size GB] [--rounds N] [--folder DIR]

A figure is a count, a ratio of two medians of the same run, or a median with its n: seconds are this machine's, ratios
are for comparing runs. Each bench has its time; nothing is written unless all that was asked for were measured. With
BENCH names only these are measured, and the others stay as they are.
"""

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from shale.testkit.bench import chart

HERE = Path(__file__).resolve().parent
LAST_WORDS = 15.0
CHART = HERE / "packing.svg"


class Group(msgspec.Struct, frozen=True):
    """Benches that are measured together: seconds that each may take, where they lie, where their figures go."""

    name: str
    scripts: str
    figures: Path
    benches: dict[str, float]


QUICK = Group("quick", "bench_{}.py", HERE / "figures.json", {"spine": 75.0, "kube": 75.0})
PACKING = Group(
    "packing",
    "packing/{}.py",
    HERE / "packing.json",
    {
        "limit": 120.0,
        "peers": 900.0,
        "changes": 180.0,
        "pool": 180.0,
        "tensors": 300.0,
        "pull": 180.0,
        "workers": 300.0,
        "memory": 400.0,
        "kill": 240.0,
    },
)
GROUPS = {"quick": (QUICK,), "packing": (PACKING,), "all": (QUICK, PACKING)}


def _load() -> float:
    return round(os.getloadavg()[0], 2)


def _measured(group: Group, bench: str, words: Sequence[str]) -> dict[str, Any]:
    """Return what a bench prints, with the load before and after it. Raises SystemExit with its last words."""
    before, within = _load(), group.benches[bench]
    sys.stderr.write(f"bench {bench}: load {before}\n")
    command = [sys.executable, str(HERE / group.scripts.format(bench)), *words]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said, complained = child.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"bench {bench} took more than {within:g} s: measure again on a quiet machine") from None
    finally:
        _ended(child)
    if child.returncode:
        raise SystemExit(f"bench {bench} failed: {complained.strip()[-2000:]}")
    return {"load": {"before": before, "after": _load()}, **json.loads(said)}


def _ended(child: subprocess.Popen[str]) -> None:
    """Interrupt a bench that still runs: it ends the servers that it started."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.communicate(timeout=LAST_WORDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate(timeout=LAST_WORDS)


def spelled(figures: object) -> str:
    """Return JSON with lists of numbers in one line each."""
    text = json.dumps(figures, indent=2)
    return re.sub(r"\[\n\s+([-\d.,\s]+?)\n\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def processor() -> str:
    """Return the name of the processor, and whether it knows sha256."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    return f"{names[0] if names else platform.machine()}{', sha_ni' if 'sha_ni' in flags else ''}"


def measure(group: Group, only: Sequence[str], told: argparse.Namespace) -> dict[str, Any]:
    """Measure a group's benches, or some of them, and return all its figures."""
    kept = json.loads(group.figures.read_text()) if only and group.figures.exists() else {}
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    if group is QUICK:
        found = {one: _measured(group, one, ()) for one in only or group.benches}
    else:
        machine |= {"processor": processor()}
        folder = told.folder or tempfile.mkdtemp(prefix="shale-bench-")
        words = ("--size", str(told.size), "--rounds", str(told.rounds), "--folder", folder)
        try:
            found = {one: _measured(group, one, words) for one in only or group.benches}
        finally:
            if told.folder is None:
                shutil.rmtree(folder, ignore_errors=True)
    all_of_them = {**kept, **found}
    return {"machine": machine, **{one: all_of_them[one] for one in group.benches if one in all_of_them}}


def asked(words: Sequence[str]) -> argparse.Namespace:
    """Return the group, its benches if only some are wanted, and how large and how often. Raises SystemExit."""
    parser = argparse.ArgumentParser("python3 run.py bench", description=__doc__)
    parser.add_argument("group", nargs="?", choices=sorted(GROUPS), default="quick")
    parser.add_argument("bench", nargs="*", help="only these")
    parser.add_argument("--size", type=float, default=1.0, help="GB of weights (packing)")
    parser.add_argument("--rounds", type=int, default=3, help="pairs, and runs of what has no pair (packing)")
    parser.add_argument("--folder", help="where the models lie, and stay (packing)")
    told = parser.parse_intermixed_args(words)
    known = {bench for group in GROUPS[told.group] for bench in group.benches}
    if strangers := sorted(set(told.bench) - known):
        parser.error(f"{strangers[0]} is no bench of {told.group}: there are {', '.join(sorted(known))}")
    return told


def main(words: Sequence[str]) -> None:
    """Measure, and keep it."""
    told = asked(words)
    for group in GROUPS[told.group]:
        only = [bench for bench in told.bench if bench in group.benches]
        if told.bench and not only:
            continue
        figures = measure(group, only, told)
        group.figures.write_text(spelled(figures))
        sys.stdout.write(group.figures.read_text())
        if "peers" in figures:
            CHART.write_text(chart.draw(figures["peers"]))


if __name__ == "__main__":
    main(sys.argv[1:])
