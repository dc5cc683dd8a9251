"""Printer columns: the JSONPath that an API server evaluates."""

import pytest

from shale.cli.jsonpath import find
from shale.contracts.resources import KINDS

TREE = {
    "metadata": {"name": "mv-3"},
    "status": {
        "phase": "Ready",
        "count": 0,
        "conditions": [{"type": "Stalled", "status": "False"}, {"type": "Ready", "status": "True"}],
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(".status.phase", "Ready", id="a field of a field"),
        pytest.param(".status.count", 0, id="zero is a value"),
        pytest.param(".status.image", None, id="what is not there is nothing"),
        pytest.param(".status.phase.deeper", None, id="nothing lies below a string"),
        pytest.param(".status.conditions[?(@.type=='Ready')].status", "True", id="the item that a filter chooses"),
        pytest.param('.status.conditions[?(@.type=="Ready")].status', "True", id="double quotes filter too"),
        pytest.param(".status.conditions[?(@.type=='Served')].status", None, id="a filter that chooses nothing"),
        pytest.param(".metadata[?(@.type=='Ready')].status", None, id="a filter of what is no list"),
    ],
)
def test_a_path_finds(path, value):
    assert find(path, TREE) == value


@pytest.mark.parametrize("path", ["status", ".a[0]", ".a[*].b", ".a..b", "."])
def test_what_no_column_of_ours_says_is_refused_by_name(path):
    with pytest.raises(ValueError, match="is not a column's path"):
        find(path, TREE)


def test_every_column_of_every_kind_is_such_a_path():
    for kind in KINDS.values():
        for column in kind.columns:
            assert find(column.path, {}) is None
