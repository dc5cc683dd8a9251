"""Cuts a sequence of tensors into groups that fit, where their names say: one more moves the cuts beside it only."""

from collections.abc import Callable, Sequence
from typing import Final

from shale.weights.names import zeros
from shale.weights.safetensors import Tensor

FRAME: Final = 96
"""Bytes of a header beside its entries: the length, `__metadata__` with a format, braces, padding."""
_ENTRY: Final = 128
"""Bytes of an entry beside its name and shape: the longest dtype, two offsets of 20 digits, the members' names."""
_ESCAPED: Final = 6
"""Bytes of JSON that one character of a name takes at most."""
_DIMENSION: Final = 21
_NEVER: Final = 257
"""More zero bits than a hash has."""

Groups = list[list[Tensor]]


def cost(tensor: Tensor) -> int:
    """Return the bytes that a tensor takes in a file, its entry in the header included; never less than it does."""
    return tensor.size + _ENTRY + _ESCAPED * len(tensor.name) + _DIMENSION * len(tensor.shape)


def weight(tensors: Sequence[Tensor]) -> int:
    """Return the bytes that a file of these tensors has; never less than it does."""
    return FRAME + sum(map(cost, tensors))


def cut(tensors: Sequence[Tensor], cap: int, room: int) -> Groups | None:
    """Return the tensors in at most `room` groups of at most `cap` bytes, in the order given; none when none fit.

    About half of the room is used, so that one tensor more seldom asks for other cuts.
    """
    bits = max(0, (2 * len(tensors) // max(1, room)).bit_length())
    for tried in (bits, bits + 1, bits + 2, bits + 3, _NEVER):
        groups = _groups(tensors, cap, lambda tensor, tried=tried: zeros(tensor.name) >= tried)
        if len(groups) <= room:
            return groups
    return None


def pieces(tensors: Sequence[Tensor], cap: int) -> Groups:
    """Return the tensors in as few groups of at most `cap` bytes as their order allows."""
    return [list(tensors)] if weight(tensors) <= cap else _groups(tensors, cap, lambda _: False)


def _groups(tensors: Sequence[Tensor], cap: int, ends: Callable[[Tensor], bool]) -> Groups:
    groups: Groups = []
    held, ended = 0, True
    for tensor in tensors:
        taken = cost(tensor)
        if ended or held + taken > cap:
            groups.append([])
            held = FRAME
        groups[-1].append(tensor)
        held += taken
        ended = ends(tensor)
    return groups
