"""Run every bench and write what they print into figures.json beside this file, with what the machine was doing.

python3 run.py bench

A figure is a count, a ratio of two medians of the same run, or a median with its n: seconds are this machine's, ratios
are for comparing runs. One bench ends after 75 s; nothing is written unless all of them were measured.
"""

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCHES = ("spine", "kube")
EACH_WITHIN = 75.0
LAST_WORDS = 15.0
FIGURES = HERE / "figures.json"


def _load() -> float:
    return round(os.getloadavg()[0], 2)


def _measured(bench: str) -> object:
    """Return what a bench prints, with the load before and after it. Raises SystemExit with its last words."""
    before = _load()
    sys.stderr.write(f"bench {bench}: load {before}\n")
    command = [sys.executable, str(HERE / f"bench_{bench}.py")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said, complained = child.communicate(timeout=EACH_WITHIN)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"bench {bench} took more than {EACH_WITHIN:g} s: measure again on a quiet machine") from None
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


def main() -> None:
    """Measure, and keep it."""
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    figures = {"machine": machine, **{bench: _measured(bench) for bench in BENCHES}}
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(FIGURES.read_text())


if __name__ == "__main__":
    main()
