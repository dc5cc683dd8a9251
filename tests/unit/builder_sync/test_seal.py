"""What is believed of a bucket that others might write to."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.builder_sync.known import Blob, Busy
from shale.builder_sync.seal import Seal
from shale.sources.reader import wire

KEY = b"k" * 32
SEAL = Seal(KEY)
BLOB = Blob("sha256:11", 7)
NAME = SEAL.name("layer", "x")
SEALED = SEAL.closed(NAME, BLOB)


def test_what_was_written_is_read():
    assert SEAL.opened(NAME, SEALED, Blob) == BLOB


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        pytest.param(NAME, msgspec.json.encode(BLOB), Blob, id="what nobody signed"),
        pytest.param(NAME, Seal(b"o" * 32).closed(NAME, BLOB), Blob, id="what another key signed"),
        pytest.param(SEAL.name("layer", "y"), SEALED, Blob, id="what was signed for another name"),
        pytest.param(NAME, SEALED.replace(b'"size":7', b'"size":8'), Blob, id="what was changed"),
        pytest.param(NAME, SEALED[:-1], Blob, id="what is cut short"),
        pytest.param(NAME, b"", Blob, id="nothing"),
        pytest.param(NAME, b"\xff" * 100, Blob, id="what is no text"),
        pytest.param(NAME, SEALED, Busy, id="what is something else"),
        pytest.param(NAME, wire.token(KEY, NAME, 1).encode() + msgspec.json.encode(BLOB), Blob, id="a reader's token"),
    ],
)
def test_nothing_is_believed_of(name, value, kind):
    assert SEAL.opened(name, value, kind) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_believed_that_were_drawn(value):
    assert SEAL.opened(NAME, value, Blob) is None


@given(st.lists(st.text(), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3))
def test_other_words_make_another_name_which_is_a_key_of_a_bucket_and_tells_nothing(one, other):
    name = SEAL.name("places", *one)
    assert name.startswith("places.")
    assert len(name) == len("places.") + 64
    assert set(name.removeprefix("places.")) <= set("0123456789abcdef")
    assert (name == SEAL.name("places", *other)) is (one == other)
    assert name != Seal(b"o" * 32).name("places", *one), "who has no key cannot even guess"
