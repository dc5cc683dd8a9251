"""What all packing benches share: their size, their models, their registry, and our own side as a command."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shale.testkit.bench import weights
from shale.testkit.bench.measure import GB, MB, BenchError, Spent, cpu_of, spent, together
from shale.testkit.bench.peers import TAG, Step, Task
from shale.testkit.dockerregistry import DockerRegistry, Setting

ROOT = Path(__file__).resolve().parents[5]
PEERS = ROOT / ".tools" / "peers"
REASON = 400
"""Characters of why something was not measured: its last words say most."""
THREADS = 2
"""That hash at once for the limit: as many as the machine of these figures has cores."""


class Stage(msgspec.Struct, frozen=True):
    """How large the model is (bytes), how often each pair is measured, and a folder for all of it."""

    size: int
    rounds: int
    folder: Path

    @property
    def tensors(self) -> tuple[weights.Tensor, ...]:
        """Return the tensors of the model."""
        return weights.llama(self.size)

    def model(self, name: str = "base", changed: Sequence[str] = ()) -> Path:
        """Return a model's folder, written when nobody did yet; one with changes is laid beside the first."""
        folder = self.folder / f"{name}-{self.size // MB}mb"
        if not (folder / "config.json").exists():  # it is written last
            shutil.rmtree(folder, ignore_errors=True)
            weights.write(folder, self.tensors, changed, like=self.model() if changed else None)
        return folder

    def why(self, error: BenchError) -> str:
        """Return why something was not measured, without the folders of this machine."""
        return str(error).replace(str(ROOT), ".").replace(str(self.folder), "FOLDER")[-REASON:]

    @contextmanager
    def room(self) -> Generator[Path]:
        """Yield an empty folder on the same disk, gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="room-") as room:
            yield Path(room)

    @contextmanager
    def registry(self) -> Generator[DockerRegistry]:
        """Yield a real registry with nothing in it."""
        with self.room() as room, DockerRegistry(registry_program(), room / "r", Setting(level="error")) as registry:
            yield registry


def asked(words: Sequence[str] | None = None) -> Stage:
    """Return the stage that the command line sets: `--size GB --rounds N --folder DIR`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=float, default=1.0, help="GB of weights")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None)
    told = parser.parse_args(words)
    folder = told.folder or Path(tempfile.gettempdir()) / "shale-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return Stage(int(told.size * GB), told.rounds, folder.resolve())


def registry_program() -> str:
    """Return the newest docker-registry that is here. Raises SystemExit when there is none."""
    beside = PEERS / "bin" / "docker-registry", ROOT / ".tools" / "bin" / "docker-registry"
    found = next((str(path) for path in beside if path.exists()), None) or shutil.which("docker-registry")
    if found is None:
        raise SystemExit("no docker-registry here: python3 tools/fetch_peers.py")
    return found


def versions() -> dict[str, dict[str, str]]:
    """Return what is known of the programs that were fetched."""
    known = PEERS / "versions.json"
    return json.loads(known.read_text()) if known.exists() else {}


def ours(task: Task, layout: str = "files") -> list[Step]:
    """Return our own way, as one command; another tag than the first is a version after it."""
    first = msgspec.structs.replace(task, tag=TAG).image
    like = ("--like", first) if task.image != first else ()
    words = ("pack", "--home", str(task.work / "home"), "--layout", layout, *like, str(task.model), task.image)
    return [Step((sys.executable, "-m", "shale.cli", *words), task.work)]


def run(steps: Sequence[Step], pid: int = 0) -> tuple[Spent, float]:
    """Run steps; return what they took together, and the CPU seconds of the server `pid` meanwhile."""
    before = cpu_of(pid) if pid else 0.0
    took = together([spent(step.command, step.cwd, step.environ) for step in steps])
    return took, (cpu_of(pid) - before if pid else 0.0)


def start(stage: Stage, host: str, repo: str) -> Spent:
    """Return what our side takes for a model of no weight: to start, to ask, to publish."""
    with stage.room() as room:
        (room / "model").mkdir()
        (room / "model" / "config.json").write_text("{}")
        took, _ = run(ours(Task(room / "model", host, repo, room)))
    return took


def tell(figures: object) -> None:
    """Print what a bench found, as JSON."""
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
