"""What kustomize makes of deploy/: rendered once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from shale.testkit import kustomize

ROOT = Path(__file__).resolve().parents[3]

Render = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Return what renders a kustomization by its folder below the root."""
    tool = kustomize.find_or_skip(tmp_path_factory.mktemp("kubectl"))

    @cache
    def render(folder: str) -> list[dict[str, Any]]:
        return kustomize.rendered(tool, ROOT / folder)

    return render
