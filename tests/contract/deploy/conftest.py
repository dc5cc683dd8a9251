"""What kustomize makes of deploy/: rendered once."""

import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from shale.blueprint.rbac import NAMESPACE
from shale.testkit import accounts
from shale.testkit.kube import missing
from shale.testkit.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[3]
LEAST = 5
"""The major version of kustomize in kubectl: 1.27 and later have 5, Debian 12's has 2."""

Render = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def kubectl(debian_tool, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Kubectl]:
    """Return what makes a kubectl for a kubeconfig; skipped loudly where it is too old for today's kustomizations."""
    program, folder = debian_tool("kubectl"), tmp_path_factory.mktemp("kubectl")
    said = Kubectl(program, Path(os.devnull), folder).do("version", "--client")
    version = re.search(r"Kustomize Version: v(\d+)", said)
    if version is None or int(version[1]) < LEAST:
        missing("KUBECTL IS OLDER THAN 1.27: no manifest of deploy/ was rendered, and RBAC was not tried")
    return lambda kubeconfig: Kubectl(program, kubeconfig, folder)


@pytest.fixture(scope="session")
def rendered(kubectl: Callable[[Path], Kubectl]) -> Render:
    """Return what renders a kustomization by its folder below the root."""
    tool = kubectl(Path(os.devnull))

    @cache
    def render(folder: str) -> list[dict[str, Any]]:
        return list(yaml.safe_load_all(tool.do("kustomize", str(ROOT / folder))))

    return render


@pytest.fixture(scope="session")
def login_as(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, str], Path]:
    """Return what makes, of an administrator's kubeconfig, that of a service: with its own ServiceAccount's token."""
    folder = tmp_path_factory.mktemp("logins")
    return lambda kubeconfig, name: accounts.login_as(kubeconfig, NAMESPACE, name, folder)
