"""What every test may use: programs of other makers that read images back."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
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
    found = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}")
    if found:
        return found
    missing = f"{name} is not to be had here: python3 tools/fetch_debian.py says why; nothing was proven with it"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(autouse=True)
def spoken() -> Iterator[None]:
    """Let Shale's loggers speak again: the command line silences them for its process, which here is everybody's."""
    yield
    logging.getLogger("shale").setLevel(logging.NOTSET)


pytest_plugins = [f"shale.testkit.{name}" for name in ("fixtures", "registries", "containers", "kube")]
