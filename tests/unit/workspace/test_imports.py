"""The import contracts see what they forbid: a small house with one wrong import for each of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# A house that keeps every contract: module -> what it says. Modules that a contract names are there as well, empty.
CALM = {
    "contracts.about": "import msgspec",
    "oci.digest": "import hashlib",
    "oci.plan": "from shale.contracts.about import x",
    "oci.registry": "import asyncio",
    "oci.distribution.pools": "import urllib3",
    "oci.distribution.transport": "import urllib3.exceptions",
    "sources.filesystem": "import os, shale.oci.plan",
    "runtime.decision": "import shale.contracts.about",
    "runtime.bus.take": "import nats.js",
    "runtime.telemetry": "from opentelemetry import trace",
    "runtime.loop": "import asyncio, shale.runtime.bus.take",
    "kube.cel": "import celpy, jsonschema",
    "kube.conditions": "",
    "kube.connection": "import aiohttp, kubernetes.aio",
    "kube.session": "import aiohttp, kubernetes.aio",
    "watcher.project": "from shale.kube.conditions import x",
    "image_builder.decide": "from shale.runtime.decision import x\nfrom shale.oci.plan import y",
    "image_builder.perform": "import shale.oci.registry",
    "cli.tables": "from rich.table import Table",
}
WRONG = {
    "contracts.wrong": "import yaml",
    "oci.digest": "import time",
    "oci.wrong": "import urllib3",
    "kube.wrong": "import nats",
    "runtime.wrong": "import opentelemetry.trace, shale.oci.plan",
    "secrets.wrong": "import shale.kube.cel, shale.oci.plan",
    "watcher.wrong": "import shale.builder_sync, celpy, kubernetes, rich",
    "builder_sync.decide": "import shale.runtime.loop",
    "weights.wrong": "import os, shale.oci.plan",
    "common.wrong": "",
}
FORBIDDEN = [
    pytest.param("shale.contracts.wrong -> yaml", id="the nouns know msgspec only"),
    pytest.param("shale.oci.wrong -> urllib3", id="registries have one door"),
    pytest.param("shale.oci.digest -> time", id="what is pure reads no clock"),
    pytest.param("shale.kube.wrong -> nats", id="NATS has one door"),
    pytest.param("shale.runtime.wrong -> opentelemetry", id="OpenTelemetry has one door"),
    pytest.param("shale.runtime.wrong -> shale.oci.plan", id="the shell knows no images"),
    pytest.param("shale.secrets.wrong -> shale.kube.cel", id="doors are strangers"),
    pytest.param("shale.secrets.wrong -> shale.oci.plan", id="credentials know no images"),
    pytest.param("shale.watcher.wrong -> shale.builder_sync", id="services are strangers"),
    pytest.param("shale.watcher.wrong -> celpy", id="rules are behind the door to resources"),
    pytest.param("shale.watcher.wrong -> kubernetes", id="clusters have one door"),
    pytest.param("shale.watcher.wrong -> rich", id="tables belong to the command line"),
    pytest.param("shale.builder_sync.decide -> shale.runtime.loop", id="who decides has no door behind another module"),
    pytest.param("shale.weights.wrong -> os", id="tensors are data"),
    pytest.param("shale.weights.wrong -> shale.oci.plan", id="tensors know no images"),
    pytest.param("common", id="a package without a layer is a question"),
]
# The real members are on sys.path as well: only the small house may be seen.
LINT = """
import sys
house, root = sys.argv[1:]
real = (root + "/libs/", root + "/services/")
sys.path = [house, *(entry for entry in sys.path if not entry.startswith(real))]
from importlinter.cli import lint_imports
sys.exit(lint_imports(config_filename=root + "/pyproject.toml", no_cache=True))
"""


def named(contracts: list[dict[str, Any]]) -> list[str]:
    """Modules below the packages that contracts name one by one: import-linter refuses a name without a module."""
    sources = {module for contract in contracts for module in contract.get("source_modules", ())}
    return sorted(name.removeprefix("shale.") for name in sources if name.count(".") > 1 and "*" not in name)


def lint(house: Path, root: Path, workspace: dict[str, Any], *stories: dict[str, str]) -> tuple[int, str]:
    """Build a house of all packages and these modules; return the exit code of import-linter and what it said."""
    contracts = workspace["tool"]["importlinter"]["contracts"]
    packages = [f"{name.strip()}.__init__" for layer in contracts[0]["layers"] for name in layer.split("|")]
    modules = dict.fromkeys([*packages, "runtime.bus.__init__", *named(contracts)], "")
    for story in stories:
        modules |= story
    for module, source in modules.items():
        path = house / "shale" / f"{module.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(source)
    command = [sys.executable, "-c", LINT, str(house), str(root)]
    done = subprocess.run(command, cwd=house, check=False, capture_output=True, text=True, timeout=200)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory, root: Path, workspace: dict[str, Any]) -> str:
    code, said = lint(tmp_path_factory.mktemp("wrong"), root, workspace, CALM, WRONG)
    assert code == 1
    return said


def test_a_house_that_keeps_them_all_passes(tmp_path: Path, root: Path, workspace: dict[str, Any]):
    code, said = lint(tmp_path, root, workspace, CALM)
    assert code == 0, said


@pytest.mark.parametrize("link", FORBIDDEN)
def test_a_wrong_import_is_named(link: str, complaints: str):
    assert link in complaints


def test_every_contract_can_be_broken(complaints: str, workspace: dict[str, Any]):
    assert f"0 kept, {len(workspace['tool']['importlinter']['contracts'])} broken" in " ".join(complaints.split())
