import pytest

from shale.testkit.checkpoints import header, tensor
from shale.weights.restore import Slice, held, slices

A, B, C, EMPTY = tensor("a", 2), tensor("b", 3), tensor("c", 4), tensor("bb", 0)


def test_neighbours_are_read_in_one_and_nothing_is_not_read():
    one = header([A, B, EMPTY, C])
    assert slices(one, held({"x": one})) == (Slice("x", one.length, 18),)
    apart = held({"x": header([A, C]), "y": header([B, EMPTY])})
    at, behind = header([A, C]).length, header([B, EMPTY]).length
    assert slices(one, apart) == (Slice("x", at, 4), Slice("y", behind, 6), Slice("x", at + 4, 8))


@pytest.mark.parametrize(
    ("there", "why"),
    [
        pytest.param([A], "'b' lies in none", id="a tensor that is missing"),
        pytest.param([A, tensor("b", 1, 3)], "'b' is BF16 [1, 3] in x, not BF16 [3]", id="another shape"),
        pytest.param([A, tensor("b", 3, dtype="F16")], "'b' is F16 [3] in x, not BF16 [3]", id="another dtype"),
    ],
)
def test_what_cannot_be_put_together_is_refused(there, why):
    with pytest.raises(ValueError, match="'b'") as refused:
        slices(header([A, B]), held({"x": header(there)}))
    assert why in str(refused.value)


def test_a_tensor_in_two_files_is_refused():
    with pytest.raises(ValueError, match="'a' lies in x and in y"):
        held({"x": header([A]), "y": header([A])})
