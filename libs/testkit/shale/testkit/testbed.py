"""The testbed that lies beside the repository in `shared/kube`: a real control plane as processes of its own.

`crd` serves custom resources only (CEL, namespaces that need not exist) and starts in a second; `both` has all kinds,
RBAC and garbage collection, and starts in five.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal, Self

SCRIPT = Path(__file__).resolve().parents[5] / "shared" / "kube" / "testbed"
START_WITHIN, END_WITHIN = 180.0, 60.0
TTL = 3600
"""Seconds after which it ends by itself, whatever became of its owner."""

Mode = Literal["crd", "full", "both"]
Component = Literal["etcd", "crd-apiserver", "kube-apiserver", "controller-manager"]


class Testbed:
    """One control plane in a folder. As a context manager it is brought up and down; it never outlives `owner`."""

    __test__ = False

    def __init__(self, folder: Path, mode: Mode = "both", owner: int | None = None) -> None:
        self.folder, self.mode = folder, mode
        self._owner = owner or os.getpid()

    @property
    def kubeconfig(self) -> Path:
        """The file by which its administrator reaches it."""
        return self.folder / "kubeconfig"

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self) -> None:
        """Start it, empty. Raises RuntimeError with its own words."""
        self._run("up", "--mode", self.mode, "--owner", str(self._owner), "--ttl", str(TTL))

    def down(self) -> None:
        """End it and remove its data."""
        self._run("down", "--rm", within=END_WITHIN)

    def restart(self, component: Component, down_for: float = 0) -> None:
        """Kill a component (SIGKILL) and start it again on the same data and port after `down_for` seconds."""
        self._run("restart", component, "--down-for", str(down_for))

    def pause(self, component: Component) -> None:
        """Stop a component where it is (SIGSTOP): its connections stay, and nothing answers."""
        self._run("pause", component)

    def resume(self, component: Component) -> None:
        """Let it go on after `pause`."""
        self._run("resume", component)

    def expire(self) -> None:
        """Compact etcd and restart the API servers: every resourceVersion that was handed out is too old."""
        self._run("compact", "--expire")

    def routed(self, group: str) -> None:
        """Return when the group of a CRD is served at the front."""
        self._run("groups", group)

    def _run(self, command: str, *arguments: str, within: float = START_WITHIN) -> None:
        said = subprocess.run(
            [sys.executable, str(SCRIPT), command, "--dir", str(self.folder), *arguments],
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        if said.returncode:
            raise RuntimeError(f"the testbed's {command} failed: {(said.stderr or said.stdout).strip()[-600:]}")


def beside(kubeconfig: Path) -> Testbed | None:
    """Return the testbed that a kubeconfig is of, if it is of one that this machine runs."""
    there = SCRIPT.exists() and (kubeconfig.parent / "pids.json").exists()
    return Testbed(kubeconfig.parent) if there else None
