"""Everything generated is committed as it is printed today: nobody edits it, nobody forgets it."""

from pathlib import Path

import pytest
import yaml

from shale.blueprint import readme
from shale.blueprint.tree import CRDS, plan, printed
from shale.contracts.resources import KINDS
from shale.runtime.installed import services

ROOT = Path(__file__).resolve().parents[3]
PAGES = printed(services())


@pytest.fixture(scope="module")
def found():
    return plan(ROOT, services())


@pytest.mark.parametrize("path", PAGES)
def test_a_printed_page_is_committed_as_it_is_printed(path: str):
    assert (ROOT / path).read_text() == PAGES[path], "run `shale-blueprint write`"


def test_nothing_else_is_to_be_written_or_taken_away(found):
    assert (list(found.pages), found.strays) == ([], ())


def test_nothing_published_is_broken(found):
    assert found.refused == ()


def test_every_sample_is_read_as_it_was_said(found):
    assert found.wrong == ()


def test_the_map_in_the_readme_is_what_the_cards_print():
    text = (ROOT / "README.md").read_text() if (ROOT / "README.md").exists() else ""
    if readme.BEGIN not in text:
        pytest.skip("README.md has no map yet")
    assert readme.table(services()) in text


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.plural)
def test_a_committed_crd_is_yaml_of_its_kind(kind):
    page = yaml.safe_load((ROOT / CRDS / f"{kind.plural}.yaml").read_text())
    assert page["spec"]["names"]["kind"] == kind.kind


def test_the_changelog_is_written_by_hand_and_begins_with_the_newest():
    text = (ROOT / "proto-schemas" / "CHANGELOG.md").read_text()
    assert text.startswith("# ")
    assert "\n## " in text


def test_no_generated_page_names_this_machine():
    assert [path for path, text in PAGES.items() if str(ROOT) in text or str(Path.home()) + "/" in text] == []
