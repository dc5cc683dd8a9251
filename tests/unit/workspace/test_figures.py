"""tests/bench/figures.py: which benches are measured, how figures are kept, and that the chart is theirs."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from shale.testkit.bench import chart


@pytest.mark.parametrize(
    ("words", "group", "bench"),
    [
        pytest.param([], "quick", [], id="nothing said is the quick ones"),
        pytest.param(["packing", "--size", "0.5"], "packing", [], id="a group"),
        pytest.param(["packing", "--rounds", "1", "peers", "kill"], "packing", ["peers", "kill"], id="some of a group"),
    ],
)
def test_what_is_asked(figures: ModuleType, words: list[str], group: str, bench: list[str]):
    told = figures.asked(words)
    assert (told.group, told.bench) == (group, bench)


@pytest.mark.parametrize("words", [["everything"], ["packing", "spine"], ["quick", "kilt"]])
def test_who_asks_for_what_is_not_there_is_told_what_is(
    figures: ModuleType, words: list[str], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        figures.asked(words)
    assert words[-1] in capsys.readouterr().err


def test_every_bench_of_a_group_is_a_script(figures: ModuleType):
    scripts = [
        figures.HERE / group.scripts.format(bench)
        for group in (figures.QUICK, figures.PACKING)
        for bench in group.benches
    ]
    assert [path.name for path in scripts if not path.exists()] == []


def test_numbers_lie_in_one_line_and_nothing_else_changes(figures: ModuleType):
    tree: dict[str, Any] = {"a": [1.5, -2, 3], "b": {"c": ["x", "y"], "d": [], "e": [{"f": 1}]}, "g": "[ 1, 2 ]"}
    text = figures.spelled(tree)
    assert json.loads(text) == tree
    assert '"a": [1.5, -2, 3]' in text


def test_measuring_some_keeps_the_others(figures: ModuleType, tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps({"machine": {}, "limit": 1, "peers": 2}))
    monkeypatch.setattr(figures, "_measured", lambda _group, bench, _words: f"{bench} anew")
    group = figures.Group("some", "{}.py", kept, {"limit": 1.0, "peers": 1.0, "kill": 1.0})
    told = figures.asked(["packing", "--folder", str(tmp_path)])
    found = figures.measure(group, ["kill", "limit"], told)
    assert {name: found[name] for name in group.benches} == {"limit": "limit anew", "peers": 2, "kill": "kill anew"}


def test_the_picture_is_that_of_the_figures(figures: ModuleType):
    kept = json.loads(figures.PACKING.figures.read_text())
    assert figures.CHART.read_text() == chart.draw(kept["peers"])
