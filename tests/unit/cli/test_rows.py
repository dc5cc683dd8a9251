"""Objects as rows of a table."""

import datetime as dt

import pytest

from shale.cli import rows
from shale.contracts.resources import KINDS

NOW = dt.datetime(2026, 11, 20, 12, 0, 31, tzinfo=dt.UTC)
VERSION = {
    "metadata": {"name": "mv-3", "namespace": "team-a", "creationTimestamp": "2026-11-20T12:00:00Z"},
    "spec": {"modelName": "model1", "createdBy": "user1"},
    "status": {
        "phase": "Packing",
        "progress": "6.1/15.2Gi (40%)",
        "new": "2.8Gi",
        "reused": "82%",
        "conditions": [{"type": "Ready", "status": "False"}],
    },
}


def test_a_version_shows_what_a_person_watches():
    kind = KINDS["modelversion"]
    header = rows.header(kind, wide=False, namespaces=False)
    row = rows.row(kind, VERSION, NOW, wide=False, namespaces=False)
    assert dict(zip(header, row, strict=True)) == {
        "Name": "mv-3",
        "Model": "model1",
        "Phase": "Packing",
        "Progress": "6.1/15.2Gi (40%)",
        "New": "2.8Gi",
        "Reused": "82%",
        "Image": "-",
        "Ready": "False",
        "Age": "31s",
    }


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("namespaces", [False, True])
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.word)
def test_a_row_has_a_cell_for_every_column(kind, wide, namespaces):
    bare = {"metadata": {"name": "a", "namespace": "b"}}
    header = rows.header(kind, wide=wide, namespaces=namespaces)
    row = rows.row(kind, bare, NOW, wide=wide, namespaces=namespaces)
    assert len(header) == len(row)
    assert header[0] == ("Namespace" if namespaces else "Name")


def test_wide_tables_have_more_columns():
    kind = KINDS["modelversion"]
    narrow, wide = (set(rows.header(kind, wide=wide, namespaces=False)) for wide in (False, True))
    assert wide - narrow == {"Digest", "Created-By", "Finish-Time"}
