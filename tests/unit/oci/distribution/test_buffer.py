"""Bytes held until they are sent."""

from hypothesis import given
from hypothesis import strategies as st

from shale.oci.distribution.buffer import Buffer


@given(st.lists(st.binary(max_size=40)), st.integers(1, 64))
def test_what_goes_in_comes_out_in_parts_of_the_bound(blocks, bound):
    buffer, parts = Buffer(bound), []
    for block in blocks:
        rest = memoryview(block)
        while rest:
            if buffer.full:
                parts.append(bytes(buffer.view()))
                buffer.clear()
            rest = rest[buffer.take(rest) :]
    assert all(len(part) == bound for part in parts)
    assert b"".join([*parts, bytes(buffer.view())]) == b"".join(blocks)


def test_a_view_stays_what_it_is_while_the_buffer_grows():
    buffer = Buffer(2**22)
    buffer.take(b"x" * 2**20)
    view = buffer.view()
    assert buffer.take(b"y" * 2**20) == 2**20
    assert view == b"x" * 2**20
    assert buffer.view(2**20) == b"y" * 2**20


def test_a_wider_bound_makes_room():
    buffer = Buffer(4)
    assert buffer.take(b"abcdef") == 4
    assert buffer.full
    buffer.bound = 6
    assert buffer.take(b"ef") == 2
    assert buffer.view() == b"abcdef"
