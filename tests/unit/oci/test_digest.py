import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.oci import digest


@given(st.lists(st.binary(max_size=4096), max_size=8))
def test_a_hasher_names_the_bytes_however_they_are_cut(blocks):
    hasher = digest.Hasher()
    for block in blocks:
        hasher.update(memoryview(bytearray(block)))
    whole = b"".join(blocks)
    assert hasher.digest == digest.of(whole) == f"sha256:{hashlib.sha256(whole).hexdigest()}"
    assert hasher.size == len(whole)


def test_the_hex_of_a_digest_can_be_a_file_name():
    assert digest.hexadecimal(digest.of(b"")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("sha256:", id="no hex"),
        pytest.param("sha256:" + "0" * 63, id="too short"),
        pytest.param("sha256:" + "0" * 65, id="too long"),
        pytest.param("sha256:" + "A" * 64, id="capitals"),
        pytest.param("sha512:" + "0" * 64, id="another algorithm"),
        pytest.param("sha256:" + "0" * 64 + "\n", id="a line feed behind it"),
        pytest.param("sha256:" + "../" * 21 + "x", id="a path"),
    ],
)
def test_what_is_no_digest_is_refused(text):
    assert not digest.valid(text)
    with pytest.raises(ValueError, match="is not a digest of the form"):
        digest.hexadecimal(text)
