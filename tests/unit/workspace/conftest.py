"""The repository as the tests of the workspace see it."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


def load(script: Path) -> ModuleType:
    """A script of the repository as a module, without running it."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def workspace() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="session")
def members() -> dict[str, dict[str, Any]]:
    """The pyproject of every member by its folder, "libs/oci"."""
    found = sorted(ROOT.glob("libs/*/pyproject.toml")) + sorted(ROOT.glob("services/*/pyproject.toml"))
    return {str(path.parent.relative_to(ROOT)): tomllib.loads(path.read_text()) for path in found}


@pytest.fixture
def run_py() -> ModuleType:
    """A fresh run.py, whose names a test may bend."""
    return load(ROOT / "run.py")


@pytest.fixture
def fetch_debian() -> ModuleType:
    return load(ROOT / "tools" / "fetch_debian.py")


@pytest.fixture
def fetch_peers() -> ModuleType:
    return load(ROOT / "tools" / "fetch_peers.py")


@pytest.fixture
def figures() -> ModuleType:
    return load(ROOT / "tests" / "bench" / "figures.py")
