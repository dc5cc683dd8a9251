import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shale.testkit.checkpoints import tensor
from shale.weights import safetensors
from shale.weights.cut import cut, pieces, weight
from shale.weights.dtypes import BITS

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(["\0" * 40, "\U0001f600" * 9])
TENSORS = [tensor(f"t{number:02}", 100, dtype="U8") for number in range(72)]


@given(
    st.lists(TEXT, unique=True, max_size=6),
    st.sampled_from(sorted(BITS, key=len)[-4:]),
    st.lists(st.sampled_from((0, 1, 2**64 - 1)), max_size=6),
    st.integers(0, 2**63),
)
def test_a_file_is_never_larger_than_it_was_weighed(names, dtype, shape, start):
    made = [safetensors.Tensor(name, dtype, tuple(shape), start, start + 8) for name in names]
    header = safetensors.write(made, {"format": "f" * 16})
    assert len(header) + sum(one.size for one in made) <= weight(made)


def test_cuts_are_where_names_say():
    groups = cut(TENSORS, cap=10**6, room=16)
    assert groups is not None
    assert [one for group in groups for one in group] == TENSORS
    assert 3 <= len(groups) <= 16
    without = cut(TENSORS[1:], cap=10**6, room=16)
    assert without is not None
    assert without[1:] == groups[1:]


def test_nothing_is_cut_that_need_not_be():
    assert pieces(TENSORS, 10**6) == [TENSORS]
    assert cut(TENSORS, 10**6, 1) == [TENSORS]
    assert cut([], 10**6, 0) == []


def test_groups_are_full_where_there_is_no_more_room():
    cap = weight(TENSORS[:8])
    assert pieces(TENSORS, cap) == [TENSORS[at : at + 8] for at in range(0, 72, 8)]
    assert cut(TENSORS, cap, 9) == pieces(TENSORS, cap)
    assert cut(TENSORS, cap, 8) is None


def test_a_header_may_say_where_a_tensor_lies_in_a_file_of_any_size():
    far = msgspec.structs.replace(TENSORS[0], start=2**63, end=2**63 + 100)
    assert len(safetensors.write([far], {})) + far.size <= weight([far])
