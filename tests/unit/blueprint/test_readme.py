"""The map: a row per card, between two markers, and nothing else in the README is touched."""

import pytest

from shale.blueprint import readme
from shale.contracts.facts import Declared, ImageBuilt, Progressed
from shale.contracts.jobs import PackLayer
from shale.runtime.service import Card

BAKER = Card(
    name="baker",
    does="bakes",
    kinds=("model",),
    hears=(Declared,),
    reads=(Progressed,),
    takes=(PackLayer,),
    says=(ImageBuilt,),
    asks=(PackLayer,),
)
EARS, MOUTH = (
    Card("ears", "listens", ("model",), hears=(Declared,)),
    Card("mouth", "tells", ("model",), says=(Declared,)),
)
PLACE = f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n"


def rows(**services: tuple[Card, ...]) -> list[str]:
    return readme.table(services).split("\n")[2:]


def test_a_service_with_one_card_is_one_row_with_its_jobs_in_bold():
    assert rows(baker=(BAKER,)) == [
        "| baker | Declared, Progressed, **PackLayer** | bakes | ImageBuilt, **PackLayer** |"
    ]


def test_a_service_with_several_cards_is_a_row_for_each():
    assert rows(head=(EARS, MOUTH)) == [
        "| head: ears | Declared | listens | writes to the objects |",
        "| head: mouth | the objects themselves | tells | Declared |",
    ]


def test_without_services_there_is_a_head_without_rows():
    assert rows() == []
    assert readme.table({}).count("\n") == 1


def test_only_what_stands_between_the_markers_is_replaced():
    table = readme.table({"baker": (BAKER,)})
    assert readme.put(PLACE, {"baker": (BAKER,)}) == f"before\n{readme.BEGIN}\n{table}\n{readme.END}\nafter\n"


def test_putting_it_twice_changes_nothing():
    once = readme.put(PLACE, {"baker": (BAKER,)})
    assert once is not None
    assert readme.put(once, {"baker": (BAKER,)}) == once


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="no README"),
        pytest.param("# Shale\n", id="no markers"),
        pytest.param(f"{readme.BEGIN}\n", id="no end"),
        pytest.param(f"{readme.END}\n", id="no beginning"),
        pytest.param(f"{readme.END}\n{readme.BEGIN}\n", id="the end before the beginning"),
    ],
)
def test_without_a_place_there_is_no_map(text: str):
    assert readme.put(text, {}) is None
