"""Kustomizations, rendered by a kubectl that is new enough for them."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from shale.testkit.kube import missing
from shale.testkit.kubectl import Kubectl

LEAST = 5
"""The major version of kustomize in it: 1.27 and later have 5."""


def find_or_skip(folder: Path, kubeconfig: Path = Path(os.devnull)) -> Kubectl:
    """Return one that caches in `folder`; one that is too old skips the test loudly, and under CI=true fails it."""
    program = shutil.which("kubectl")
    if program is None:
        missing("NO KUBECTL on the PATH: no manifest was rendered")
    found = Kubectl(program, kubeconfig, folder)
    version = re.search(r"Kustomize Version: v(\d+)", found.do("version", "--client"))
    if version is None or int(version[1]) < LEAST:
        missing("kubectl is older than 1.27: no manifest was rendered")
    return found


def rendered(kubectl: Kubectl, folder: Path) -> list[dict[str, Any]]:
    """Return the objects of a kustomization."""
    return list(yaml.safe_load_all(kubectl.do("kustomize", str(folder))))
