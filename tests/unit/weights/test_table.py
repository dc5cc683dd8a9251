import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shale.weights import table
from shale.weights.safetensors import Header, Tensor
from shale.weights.table import Range, Table

law = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
LAYER = "sha256:" + "a" * 64
ONE = Range("a.safetensors", "one", "U8", (2,), 600, 2, "blake3:" + "1" * 64)
TWO = Range("a.safetensors", "two", "F16", (3,), 602, 6, "blake3:" + "2" * 64)
GOOD = Table(LAYER, 1024, (ONE, TWO))


@st.composite
def tables(draw) -> Table:
    """Ranges one behind the other, with gaps, some of them empty."""
    at, found = 0, list[Range]()
    for number in range(draw(st.integers(0, 6))):
        at += draw(st.integers(0, 3))
        held = draw(st.integers(0, 3))
        digest = f"blake3:{draw(st.integers(0, 2**256 - 1)):064x}"
        found.append(Range(draw(st.text(max_size=3)), str(number), "U8", (held,), at, held, digest))
        at += held
    return table.build(LAYER, at + draw(st.integers(0, 3)), found)


@law
@given(tables(), st.randoms())
def test_what_is_written_is_read_again_whatever_the_order_of_the_ranges_was(made, random):
    assert table.decode(table.encode(made)) == made
    shuffled = random.sample(made.tensors, len(made.tensors))
    assert table.encode(table.build(made.layer, made.size, shuffled)) == table.encode(made)


def test_a_table_is_what_one_would_have_written_by_hand():
    assert json.loads(table.encode(Table(LAYER, 1024, (ONE,)))) == {
        "layer": LAYER,
        "size": 1024,
        "tensors": [
            {
                "file": "a.safetensors",
                "name": "one",
                "dtype": "U8",
                "shape": [2],
                "offset": 600,
                "length": 2,
                "digest": "blake3:" + "1" * 64,
            }
        ],
    }


def test_ranges_are_those_of_the_file_in_the_blob():
    header = Header((Tensor("one", "U8", (2,), 0, 2), Tensor("two", "F16", (3,), 2, 8)), {}, 88)
    assert table.ranges("a.safetensors", 512, header, [ONE.digest, TWO.digest]) == (ONE, TWO)
    with pytest.raises(ValueError, match="shorter"):
        table.ranges("a.safetensors", 512, header, [ONE.digest])


def changed(found: Range, **change: object) -> Range:
    return msgspec.structs.replace(found, **change)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        pytest.param(Table("sha256:x", 1024, ()), "no digest of the form sha256", id="a layer without a digest"),
        pytest.param(Table(LAYER, 607, (ONE, TWO)), "ends at 608", id="a range beyond the layer"),
        pytest.param(Table(LAYER, 1024, (TWO, ONE)), "begins later", id="ranges in another order"),
        pytest.param(Table(LAYER, 1024, (ONE, changed(TWO, offset=601))), "overlaps", id="ranges that overlap"),
        pytest.param(Table(LAYER, 1024, (ONE, changed(ONE, offset=602))), "twice", id="a tensor twice"),
        pytest.param(Table(LAYER, 1024, (changed(ONE, offset=-1),)), "negative", id="a place before the layer"),
        pytest.param(Table(LAYER, 1024, (changed(ONE, length=-1),)), "negative", id="a length below nothing"),
        pytest.param(Table(LAYER, 1024, (changed(ONE, shape=(-2, -1)),)), "negative", id="a negative dimension"),
        pytest.param(
            Table(LAYER, 1024, (changed(ONE, digest=LAYER),)), "no digest of the form blake3", id="another hash"
        ),
    ],
)
def test_a_table_that_breaks_a_law_is_refused(broken, why):
    with pytest.raises(ValueError, match=why):
        table.decode(msgspec.json.encode(broken))


def test_no_broken_table_is_built():
    with pytest.raises(ValueError, match="overlaps"):
        table.build(LAYER, 1024, (ONE, changed(TWO, offset=601)))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"layer":1,"size":1,"tensors":[]}', b" " * (table.MOST + 1)])
def test_what_is_no_table_is_refused(data):
    with pytest.raises(ValueError, match=r"truncated|missing|Expected|at most"):
        table.decode(data)
