"""What every test may use: programs of other makers that read images back."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

importlib.import_module("celpy").Environment()  # it raises the recursion limit; no test may, as Hypothesis sees it
TOOLS = Path(__file__).resolve().parent.parent / ".tools" / "bin"


@pytest.fixture(scope="session")
def debian_tool() -> Callable[[str], str]:
    """Return the path of a program by its name: `debian_tool("skopeo")`; it skips loudly, and under CI=true fails."""
    return find_or_skip


def find_or_skip(name: str) -> str:
    """Look into .tools first, then on the PATH."""
    for path in (str(TOOLS), os.environ.get("PATH", "")):
        found = shutil.which(name, path=path)
        if found and _starts(found):
            return found
    missing = f"{name} is not to be had here: python3 tools/fetch_debian.py says why; nothing was proven with it"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def _starts(program: str) -> bool:
    """Tell whether there is something behind it: a wrapper that came with a copied .tools may name another checkout."""
    try:
        asked = subprocess.run([program, "--version"], check=False, capture_output=True, timeout=60)
    except OSError:
        return False
    return asked.returncode not in {126, 127}


@pytest.fixture(autouse=True)
def spoken() -> Iterator[None]:
    """Let Shale's loggers speak again: the command line silences them for its process, which here is everybody's."""
    yield
    logging.getLogger("shale").setLevel(logging.NOTSET)


pytest_plugins = [f"shale.testkit.{name}" for name in ("fixtures", "registries", "containers", "kube")]
