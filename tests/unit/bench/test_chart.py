"""The chart is drawn from the figures alone, and hides nothing that was not measured."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from shale.testkit.bench.chart import Row, draw, rows
from shale.testkit.bench.peers import KANIKO

SVG = "{http://www.w3.org/2000/svg}"


def one(ratio: float = 2.0, memory: float = 100.0, disk: float = 0.0) -> dict[str, Any]:
    told = {"ratio_wall": ratio, "peak_rss_mb": memory, "written_to_disk_mb": disk}
    return {name: {"median": value, "each": [value]} for name, value in told.items()}


FOUND: dict[str, Any] = {
    "n": 3,
    "model_mb": 1006.0,
    "programs": {"docker-registry": {"version": "2.8.3", "go": "go1.26.5"}},
    "shale": one(1.0, 40.0),
    "peers": {
        "buildah": one(7.2, 53.0, 4013.0),
        "crane & tar": one(2.2, 20.0, 2104.0),
        "oras-py": {"not_measured": "not to be had"},
        "kaniko": KANIKO,
    },
}


def test_rows_go_from_the_fastest_to_the_slowest_and_what_is_not_measured_is_last():
    assert rows(FOUND) == [
        Row("Shale", 1.0, 40.0, 0.0, "ours"),
        Row("crane & tar", 2.2, 20.0, 2104.0),
        Row("kaniko", 5.2, 4132, None, "quoted"),
        Row("buildah", 7.2, 53.0, 4013.0),
        Row("oras-py", None, None, None),
    ]


def test_it_is_xml_with_a_bar_for_every_figure_and_none_for_what_is_not_known():
    tree = ET.fromstring(draw(FOUND))  # noqa: S314 (our own)
    bars = tree.findall(f"{SVG}rect")
    assert [bar.get("class") for bar in bars] == [
        *("ours", "bar", "quoted", "bar"),
        *("ours", "bar", "quoted", "bar"),
        *("ours", "bar", "bar"),
    ]
    words = [text.text for text in tree.findall(f"{SVG}text")]
    assert words.count("not measured") == 3
    assert words.count("not known") == 1
    assert {"kaniko (quoted)", "crane & tar", "7.2\u00d7", "4,132"} <= set(words)


def test_bars_are_as_long_as_their_figures_say():
    tree = ET.fromstring(draw(FOUND))  # noqa: S314 (our own)
    first = [float(bar.get("width", "0")) for bar in tree.findall(f"{SVG}rect")][:4]
    assert [length / first[3] for length in first] == [
        pytest.approx(ratio / 7.2, abs=0.01) for ratio in (1, 2.2, 5.2, 7.2)
    ]


def test_it_heeds_the_dark():
    assert "prefers-color-scheme:dark" in draw(FOUND)


def test_the_same_figures_give_the_same_picture():
    assert draw(FOUND) == draw(FOUND)
