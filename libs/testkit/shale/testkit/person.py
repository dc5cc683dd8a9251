# ruff: noqa: S101, ANN401 (the hands of tests: what is wrong with a command is an assertion of theirs)
"""The `shale` command as a person uses it, for tests: one home, and real processes in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import yaml

SHALE = (sys.executable, "-m", "shale.cli")
WEIGHTS = 17 << 20


class Here:
    """One home, and the `shale` command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith("SHALE_")}
        self.environ["SHALE_HOME"] = str(folder / "home")
        self.environ["XDG_CACHE_HOME"] = str(folder / "cache")

    def shale(self, *words: str, stdin: str = "", within: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `shale` with these words to its end."""
        done = subprocess.run(
            [*SHALE, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
            env=self.environ,
            cwd=self.folder,
        )
        assert "Traceback" not in done.stderr
        return done

    def up(self, *words: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        """Start `shale up` and return it with what it said once it was ready."""
        log = (self.folder / "up.log").open("w")
        command = [*SHALE, "up", "-o", "json", "--port", "0", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=self.environ)
        log.close()
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (self.folder / "up.log").read_text()
        return process, msgspec.json.decode(line)

    @contextmanager
    def absent(self, *services: str) -> Generator[None]:
        """Have processes of `shale up` stand still, as those whose node is lost."""
        state = msgspec.json.decode((self.folder / "home" / "state.json").read_bytes())
        pids = [one["pid"] for one in state["processes"] if one["name"] in services]
        assert len(pids) == len(services), state
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def version(self, name: str, **spec: Any) -> Path:
        """Write the manifest of a version of the model `tiny`."""
        storage = {"localStorage": {"path": "/models/tiny", "nodeName": "here"}}
        whole = {"modelName": "tiny", "imageRepo": f"models/{name}", "imageTag": "v1", "storage": storage, **spec}
        tree = {
            "apiVersion": "shale.dev/v1alpha1",
            "kind": "ModelVersion",
            "metadata": {"name": name, "namespace": "team-a"},
            "spec": {key: value for key, value in whole.items() if value is not None},
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(tree))
        return path

    def built(self, name: str) -> str:
        """Apply a version, wait for it, and return its image."""
        assert self.shale("apply", "-f", str(self.version(name))).returncode == 0
        ready = self.shale("wait", f"mv/{name}", "-n", "team-a", "--timeout", "30s")
        assert ready.returncode == 0, ready.stderr
        return f"models/{name}:v1"


def tiny(folder: Path) -> Path:
    """Lay a small model out: weights of a layer of their own, and small files."""
    model = folder / "models" / "tiny"
    (model / "sub").mkdir(parents=True)
    (model / "weights.bin").write_bytes(os.urandom(1 << 20) * (WEIGHTS >> 20))
    (model / "config.json").write_text('{"layers": 6}\n')
    (model / "sub" / "vocab.txt").write_text("a\nb\n")
    return model


def alive(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(true: Any, within: float = 60) -> bool:
    """Look every 50 ms."""
    never = Event()
    for _ in range(int(within / 0.05)):
        if true():
            return True
        never.wait(0.05)
    return False


def pids(state: dict[str, Any]) -> list[int]:
    """Return who runs, as `shale up` says it."""
    return [one["pid"] for one in state["processes"]]


def ended(process: subprocess.Popen[str]) -> int:
    """Have it end as an operator would; return its exit code."""
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(20)
    finally:
        process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait(5)
    return code
