"""kubectl as a person has it: new enough for today's kustomizations, with an environment that names its cluster."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from shale.testkit.kube import missing

LEAST = 5
"""The major version of kustomize in it: 1.27 and later have 5."""
WITHIN = 120.0


class Kubectl:
    """One kubectl, and the cluster that it speaks to, if any."""

    def __init__(self, kubeconfig: Path | None = None) -> None:
        self._environ = {**os.environ, "KUBECONFIG": str(kubeconfig or os.devnull)}

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which a program that calls kubectl speaks to this cluster."""
        return self._environ

    def run(self, *arguments: str, said: str = "") -> str:
        """Return what it says. Raises AssertionError with what it complains of."""
        ran = subprocess.run(
            ["kubectl", *arguments],
            input=said,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
        if ran.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {ran.stderr.strip()[-2000:]}")
        return ran.stdout

    def rendered(self, folder: Path) -> list[dict[str, Any]]:
        """Return the objects of a kustomization."""
        return list(yaml.safe_load_all(self.run("kustomize", str(folder))))


def find_or_skip(kubeconfig: Path | None = None) -> Kubectl:
    """Return it; without one that is new enough the test is skipped loudly, and under CI=true fails."""
    if shutil.which("kubectl") is None:
        missing("NO KUBECTL on the PATH: no manifest was rendered")
    found = Kubectl(kubeconfig)
    version = re.search(r"Kustomize Version: v(\d+)", found.run("version", "--client"))
    if version is None or int(version[1]) < LEAST:
        missing("kubectl is older than 1.27: no manifest was rendered")
    return found
