"""What a tensor's elements are, and how many bytes they take: the dtypes that safetensors 0.8 knows."""

from collections.abc import Sequence
from typing import Final

HUGE: Final = 2**64
"""No number of a header may reach it, nor a product of a shape, nor the bits of a tensor (the reference's usize)."""

BITS: Final = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""Bits of one element, in the reference's order."""

RANK: Final = {dtype: rank for rank, dtype in enumerate(BITS)}
"""The reference lays out the highest first, which aligns all of them."""


def bytes_of(dtype: str, shape: Sequence[int]) -> int | str:
    """Return how many bytes a tensor has, or what is wrong with its dtype and shape."""
    if dtype not in BITS:
        return f"the dtype {dtype[:40]!r} is unknown"
    elements = 1
    for dimension in shape:
        elements *= dimension
        if elements >= HUGE:
            return "the shape is beyond what 64 bits count"
    bits = elements * BITS[dtype]
    if bits >= HUGE:
        return "the shape is beyond what 64 bits count"
    return bits // 8 if bits % 8 == 0 else f"{elements} elements of {BITS[dtype]} bits do not end at a byte"
