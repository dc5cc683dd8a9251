"""`shale-blueprint write|check`: what it says, and how it ends."""

import json
from pathlib import Path

import pytest

from shale.blueprint.main import main
from shale.blueprint.tree import ASYNCAPI, SAMPLES, SCHEMAS

SCHEMA = f"{SCHEMAS}/dev.shale.model.gone.v1.schema.json"


@pytest.fixture
def root(tmp_path: Path, monkeypatch, capsys) -> Path:
    """A workspace in which everything was written, with us in a folder of it."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shale-workspace"\n')
    inside = tmp_path / "libs" / "oci"
    inside.mkdir(parents=True)
    (inside / "pyproject.toml").write_text('[project]\nname = "shale-oci"\n')
    monkeypatch.chdir(inside)
    assert main(["write"]) == 0
    capsys.readouterr()
    return tmp_path


def break_schema(root: Path) -> str:
    page = json.loads((root / SCHEMA).read_text())
    page["$defs"]["Gone"]["properties"]["why"] = {"type": "string"}
    (root / SCHEMA).write_text(json.dumps(page))
    return (root / SCHEMA).read_text()


@pytest.mark.usefixtures("root")
def test_check_is_silent_and_well_when_nothing_differs(capsys):
    assert main(["check"]) == 0
    assert capsys.readouterr().err == ""


def test_check_names_the_file_that_differs_and_the_cure_and_writes_nothing(root: Path, capsys):
    (root / ASYNCAPI).write_text("edited")
    assert main(["check"]) == 1
    said = capsys.readouterr().err
    assert said == (
        f"{ASYNCAPI} is not what the Structs and cards print: run `shale-blueprint write`, and commit what it prints\n"
    )
    assert (root / ASYNCAPI).read_text() == "edited"


def test_check_names_the_file_that_is_wanting(root: Path, capsys):
    (root / SCHEMA).unlink()
    assert main(["check"]) == 1
    assert capsys.readouterr().err.startswith(f"{SCHEMA} is wanting: run `shale-blueprint write`")


def test_check_names_what_is_printed_by_nothing(root: Path, capsys):
    (root / "deploy" / "crds" / "monoliths.yaml").write_text("")
    assert main(["check"]) == 1
    assert "deploy/crds/monoliths.yaml is printed by nothing any more" in capsys.readouterr().err


def test_write_says_what_it_wrote_and_took_away(root: Path, capsys):
    (root / ASYNCAPI).unlink()
    (root / "deploy" / "crds" / "monoliths.yaml").write_text("")
    assert main(["write"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [f"wrote {ASYNCAPI}", "took away deploy/crds/monoliths.yaml"]


def test_write_refuses_to_break_what_was_published(root: Path, capsys):
    before = break_schema(root)
    (root / ASYNCAPI).write_text("edited")
    assert main(["write"]) == 1
    said = capsys.readouterr().err
    assert f"{SCHEMA}: data.why is gone" in said
    assert "nothing was written" in said
    assert ((root / SCHEMA).read_text(), (root / ASYNCAPI).read_text()) == (before, "edited")


def test_write_breaks_it_when_told_to(root: Path):
    break_schema(root)
    assert main(["write", "--breaking"]) == 0
    assert main(["check"]) == 0


def test_write_mends_no_sample_that_is_not_read_any_more(root: Path, capsys):
    (root / SAMPLES / "dev.shale.model.gone.v1.2.json").write_text("{}")
    assert main(["write"]) == 1
    assert "dev.shale.model.gone.v1.2.json is not decoded any more" in capsys.readouterr().err
    assert (root / SAMPLES / "dev.shale.model.gone.v1.2.json").read_text() == "{}"


@pytest.mark.usefixtures("root")
def test_a_readme_without_a_map_is_worth_a_note_only(capsys):
    assert main(["check"]) == 0
    assert capsys.readouterr().out.startswith("note: README.md has no map")


@pytest.mark.usefixtures("root")
def test_another_root_may_be_named(tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    assert main(["--root", str(other), "check"]) == 1
    assert main(["--root", str(other), "write"]) == 0
    assert main(["--root", str(other), "check"]) == 0


def test_outside_of_the_workspace_it_says_where_to_go(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 1
    assert "is not in Shale's workspace: go there, or name it with --root" in capsys.readouterr().err


def test_without_a_command_it_is_a_mistake_of_the_callers(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "usage: shale-blueprint" in capsys.readouterr().err


def test_what_is_not_pinned_is_said_with_its_cure(root: Path, capsys):
    (root / "requirements.txt").write_text("msgspec==1 \\\n    --hash=sha256:aa\n")
    assert main(["check"]) == 1
    assert "pin it with `just lock`" in capsys.readouterr().err
