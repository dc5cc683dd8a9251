"""The folders of what is printed: compared, written, and kept from breaking what was published."""

import json
from pathlib import Path

import pytest

from shale.blueprint import readme
from shale.blueprint.tree import (
    ASYNCAPI,
    CRD_LIST,
    CRDS,
    PASSWORDS,
    RBAC,
    README,
    REQUIREMENTS,
    SAMPLES,
    SCHEMAS,
    USERS,
    Plan,
    apply,
    plan,
    printed,
)

TYPE = "dev.shale.modelversion.image-built.v1"
SCHEMA, SAMPLE = f"{SCHEMAS}/{TYPE}.schema.json", f"{SAMPLES}/{TYPE}.json"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree as it is when everything is written."""
    (tmp_path / README).write_text(f"# Shale\n{readme.BEGIN}\n{readme.END}\n")
    apply(tmp_path, plan(tmp_path, {}))
    return tmp_path


def edit_schema(root: Path, **properties: object) -> None:
    """Change the published schema, as if an older Struct had printed it."""
    path = root / SCHEMA
    page = json.loads(path.read_text())
    page["$defs"]["ImageBuilt"]["properties"] |= properties
    path.write_text(json.dumps(page))


def test_an_empty_tree_needs_everything(tmp_path: Path):
    found = plan(tmp_path, {})
    assert printed({}).keys() < found.pages.keys()
    assert SAMPLE in found.pages
    assert found.notes == (f"README.md has no map: put {readme.BEGIN} and {readme.END} where it is to stand",)


def test_a_tree_that_was_written_needs_nothing(root: Path):
    assert plan(root, {}) == Plan()


def test_the_map_is_put_into_the_readme(root: Path):
    assert (root / README).read_text() == f"# Shale\n{readme.BEGIN}\n{readme.table({})}\n{readme.END}\n"


@pytest.mark.parametrize("path", [f"{CRDS}/models.yaml", SCHEMA, ASYNCAPI, SAMPLE, RBAC, USERS, CRD_LIST])
def test_a_page_that_is_missing_is_to_be_written(root: Path, path: str):
    (root / path).unlink()
    assert list(plan(root, {}).pages) == [path]


@pytest.mark.parametrize("path", [f"{CRDS}/models.yaml", ASYNCAPI, PASSWORDS])
def test_a_page_that_somebody_edited_is_to_be_written_again(root: Path, path: str):
    (root / path).write_text("edited")
    found = plan(root, {})
    assert list(found.pages) == [path]
    apply(root, found)
    assert plan(root, {}) == Plan()


def test_a_crd_of_a_kind_that_is_no_more_is_taken_away(root: Path):
    (root / CRDS / "monoliths.yaml").write_text("kind: Monolith")
    found = plan(root, {})
    assert found.strays == (f"{CRDS}/monoliths.yaml",)
    apply(root, found)
    assert not (root / CRDS / "monoliths.yaml").exists()


def test_pins_are_printed_for_each_image_where_the_workspace_has_pins(tmp_path: Path):
    lines = (Path(__file__).resolve().parents[3] / "requirements.txt").read_text()
    (tmp_path / "requirements.txt").write_text(lines)
    apply(tmp_path, plan(tmp_path, {}))
    assert {path.name for path in (tmp_path / REQUIREMENTS).iterdir()} == {"build.txt", "shale-cli.txt"}
    (tmp_path / REQUIREMENTS / "monolith.txt").write_text("")
    assert plan(tmp_path, {}).strays == (f"{REQUIREMENTS}/monolith.txt",)


def test_what_is_written_by_hand_is_left_alone(root: Path):
    (root / "proto-schemas" / "CHANGELOG.md").write_text("# By hand\n")
    assert plan(root, {}) == Plan()


def test_a_published_field_that_is_gone_is_refused(root: Path):
    edit_schema(root, once={"type": "string"})
    found = plan(root, {})
    assert found.refused == (f"{SCHEMA}: data.once is gone: keep it, and say the new thing in a new field",)
    assert list(found.pages) == [SCHEMA]


def test_a_published_type_that_is_gone_is_refused(root: Path):
    stray = f"{SCHEMAS}/dev.shale.modelversion.image-sung.v1.schema.json"
    (root / stray).write_text((root / SCHEMA).read_text())
    found = plan(root, {})
    assert (found.strays, found.refused) == ((stray,), (f"{stray}: is said no more",))


def test_a_sample_is_never_changed_but_gets_another_beside_it(root: Path):
    older = json.dumps(json.loads((root / SAMPLE).read_text()))
    (root / SAMPLE).write_text(older)
    found = plan(root, {})
    assert list(found.pages) == [f"{SAMPLES}/{TYPE}.2.json"]
    apply(root, found)
    assert (root / SAMPLE).read_text() == older
    assert plan(root, {}) == Plan()


def test_a_sample_that_is_not_read_any_more_is_wrong(root: Path):
    said = json.loads((root / SAMPLE).read_text())
    said["data"]["once"] = 1
    (root / f"{SAMPLES}/{TYPE}.2.json").write_text(json.dumps(said))
    (line,) = plan(root, {}).wrong
    assert line.startswith(f"{SAMPLES}/{TYPE}.2.json holds data.once, which is not read any more: ")
