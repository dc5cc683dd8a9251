"""What a command took, its whole tree of processes counted; what a server took meanwhile; and what figures become."""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

LAUNCH = Path(__file__).with_name("launch.py")
WORDS = 2000
GB = 10**9
MB = 10**6


class Spent(msgspec.Struct, frozen=True):
    """Seconds, CPU seconds of the tree, peak bytes of its largest process, bytes that it wrote to disks."""

    wall: float
    cpu: float
    rss: int
    written: int


class BenchError(Exception):
    """Something could not be measured: what, and its last words."""


def spent(command: Sequence[str], cwd: Path, environ: Mapping[str, str] | None = None, within: float = 300) -> Spent:
    """Run a command to its end. Raises BenchError when it fails, or takes too long: then all of its tree is ended."""
    with tempfile.TemporaryDirectory(prefix="shale-spent-") as folder:
        answer, log = Path(folder) / "answer", Path(folder) / "log"
        with log.open("wb") as words:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCH), str(answer), *command],
                cwd=cwd,
                env={**os.environ, **(environ or {})},
                stdout=words,
                stderr=words,
                start_new_session=True,
            )
            try:
                code = child.wait(within)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait(30)
        if code != 0:
            why = f"took more than {within:g} s" if code is None else f"ended with {code}"
            said = log.read_text(errors="replace").strip()[-WORDS:]
            raise BenchError(f"{' '.join(command)[:WORDS]} {why}: {said}")
        return msgspec.json.decode(answer.read_bytes(), type=Spent)


def together(steps: Sequence[Spent]) -> Spent:
    """Return what steps one after another took."""
    return Spent(
        sum(one.wall for one in steps),
        sum(one.cpu for one in steps),
        max(one.rss for one in steps),
        sum(one.written for one in steps),
    )


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a running process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """Return the seconds that the machine's processors have worked so far, for whomever."""
    user, nice, system, _idle, _waits, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def peak_of(pid: int) -> int:
    """Return the most bytes that a running process held in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def written_by(pid: int) -> int:
    """Return the bytes that a running process has written to disks so far."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("write_bytes:"))
    return int(line.split()[1])


def held(folder: Path) -> int:
    """Return the bytes of all files below a folder, each counted once however often it is linked."""
    found = (path.lstat() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum({(one.st_dev, one.st_ino): one.st_size for one in found}.values())


def load() -> float:
    """Return the load of the machine over the last minute."""
    return round(os.getloadavg()[0], 2)


def figure(values: Sequence[float], digits: int = 2) -> dict[str, float | list[float]]:
    """Return the median of values, and each of them."""
    return {"median": round(statistics.median(values), digits), "each": [round(one, digits) for one in values]}


def paired(theirs: Sequence[float], ours: Sequence[float], digits: int = 2) -> dict[str, float | list[float]]:
    """Return how many times as much theirs took as ours, run by run (A B A B), and the median of that."""
    return figure([one / other for one, other in zip(theirs, ours, strict=True)], digits)
