"""What kustomize makes of deploy/: rendered once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from shale.testkit import kubectl

ROOT = Path(__file__).resolve().parents[3]

Render = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def rendered() -> Render:
    """Return what renders a kustomization by its folder below the root."""
    tool = kubectl.find_or_skip()

    @cache
    def render(folder: str) -> list[dict[str, Any]]:
        return tool.rendered(ROOT / folder)

    return render
