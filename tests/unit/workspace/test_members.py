"""The workspace is one list said in several places: they agree, and a member says what it imports."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = sorted(
    str(path.relative_to(ROOT)) for path in [*ROOT.glob("libs/*"), *ROOT.glob("services/*")] if path.is_dir()
)
OUTSIDE = {name: {dist.lower().replace("_", "-") for dist in dists} for name, dists in packages_distributions().items()}

Pyproject = dict[str, Any]


def package(folder: str) -> str:
    """libs/oci -> oci; services/image-builder -> image_builder."""
    return folder.split("/")[1].replace("-", "_")


def name_of(requirement: str) -> str:
    """shale-kube[embedded]>=1 -> shale-kube."""
    return re.split(r"[\[<>=~! ;]", requirement, maxsplit=1)[0]


def declared(pyproject: Pyproject) -> set[str]:
    """All that a member asks for, its extras too."""
    project = pyproject["project"]
    extras = project.get("optional-dependencies", {}).values()
    return {
        name_of(requirement) for requirement in [*project["dependencies"], *(one for many in extras for one in many)]
    }


def imported(source: str) -> set[str]:
    """Modules that a source imports, as dotted names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "shale":
            names |= {f"shale.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def providers(module: str) -> set[str]:
    """Distributions that a module may come from; none for the standard library."""
    top, _, rest = module.partition(".")
    if top == "shale":
        return {f"shale-{rest.split('.')[0].replace('_', '-')}"} if rest else set()
    return set() if top in sys.stdlib_module_names else OUTSIDE.get(top, {top})


@pytest.mark.parametrize("folder", FOLDERS)
class TestEveryMember:
    def test_is_a_distribution_named_after_its_folder(self, folder: str, members: dict[str, Pyproject]):
        project = members[folder]["project"]
        assert project["name"] == f"shale-{folder.split('/')[1]}"
        assert project["requires-python"] == ">=3.11"

    def test_is_built_with_its_part_of_the_namespace_only(self, folder: str, members: dict[str, Pyproject], root: Path):
        assert members[folder]["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["shale"]}
        assert [path.name for path in (root / folder / "shale").iterdir() if path.name != "__pycache__"] == [
            package(folder)
        ]

    def test_is_known_to_types_and_to_the_workspace(
        self, folder: str, members: dict[str, Pyproject], workspace: Pyproject
    ):
        assert folder in workspace["tool"]["basedpyright"]["extraPaths"]
        assert members[folder]["project"]["name"] in workspace["tool"]["uv"]["sources"]

    def test_has_its_place_in_the_layers(self, folder: str, workspace: Pyproject):
        layers = workspace["tool"]["importlinter"]["contracts"][0]["layers"]
        assert package(folder) in {name.strip() for layer in layers for name in layer.split("|")}

    def test_says_everything_that_it_imports(self, folder: str, members: dict[str, Pyproject], root: Path):
        allowed = declared(members[folder]) | {members[folder]["project"]["name"]}
        undeclared = {
            f"{path.relative_to(root)}: {module}"
            for path in sorted((root / folder / "shale").rglob("*.py"))
            for module in imported(path.read_text())
            if (found := providers(module)) and not found & allowed
        }
        assert undeclared == set()

    def test_asks_only_for_what_is_pinned(self, folder: str, members: dict[str, Pyproject], root: Path):
        pinned = set(re.findall(r"^([a-z0-9-]+)==", (root / "requirements.txt").read_text(), re.MULTILINE))
        outside = {name for name in declared(members[folder]) if not name.startswith("shale-")}
        assert outside <= pinned


def test_shale_is_a_namespace_that_no_member_owns(root: Path):
    assert list(root.glob("*/*/shale/__init__.py")) == []


def test_all_members_have_one_version(members: dict[str, Pyproject], workspace: Pyproject):
    assert {member["project"]["version"] for member in members.values()} == {workspace["project"]["version"]}


def test_names_of_the_workspace_have_no_folder_missing(members: dict[str, Pyproject], workspace: Pyproject):
    assert set(workspace["tool"]["basedpyright"]["extraPaths"]) == set(members)
    assert set(workspace["tool"]["uv"]["sources"]) == {member["project"]["name"] for member in members.values()}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param("import a.b, c", {"a.b", "c"}, id="import says modules"),
        pytest.param("from shale import oci", {"shale.oci"}, id="from shale says members"),
        pytest.param("from a.b import c", {"a.b", "a.b.c"}, id="from may say a module or a thing"),
        pytest.param("from . import near", set[str](), id="a near import stays inside"),
    ],
)
def test_imports_are_read_from_the_syntax(source: str, names: set[str]):
    assert imported(source) == names


@pytest.mark.parametrize(
    ("module", "found"),
    [
        pytest.param("os.path", set[str](), id="the standard library comes from nowhere"),
        pytest.param("shale.image_builder.decide", {"shale-image-builder"}, id="a member by its folder"),
        pytest.param("shale", set[str](), id="the namespace belongs to nobody"),
        pytest.param("yaml", {"pyyaml"}, id="a distribution by its module"),
        pytest.param("nowhere", {"nowhere"}, id="what is not installed stands for itself"),
    ],
)
def test_a_module_leads_to_its_distribution(module: str, found: set[str]):
    assert providers(module) == found
