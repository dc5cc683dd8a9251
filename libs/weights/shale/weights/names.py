"""What a tensor's name says: which stack of blocks it belongs to, which block, and what kind of module it is.

`model.layers.12.mlp.experts.3.down_proj.weight` -> stack `model.layers`, block 12, kind `mlp.experts.down_proj`: the
first number counts blocks in every naming known (llama, gpt-neox, T5, BLOOM, Mixtral, DeepSeek, CLIP, diffusers), and
those behind it (experts, inner layers) only repeat a module. Weight, bias and scales of a module are one kind.
"""

import hashlib
import re
from typing import Final

import msgspec

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.]{1,64}", re.ASCII)
_STRANGE: Final = re.compile(r"[^A-Za-z0-9_.]", re.ASCII)
_SHORT: Final = 48
_DIGITS: Final = 6
"""That a number of blocks has at most: what is longer is a date or an identifier."""


class Module(msgspec.Struct, frozen=True, order=True):
    """A kind of module: `stack` is empty where no number stands in the name, then `kind` is the module itself."""

    stack: str
    kind: str

    @property
    def label(self) -> str:
        """What files are named after; no two modules have the same, since no part of it holds the dash between them."""
        return "-".join(plain(part) for part in (self.stack, self.kind) if part)


class Place(msgspec.Struct, frozen=True):
    """Where a tensor belongs; `block` is none outside of stacks."""

    module: Module
    block: int | None


def place(name: str) -> Place:
    """Return where the tensor of this name belongs."""
    parts = name.split(".")
    first = next((at for at, part in enumerate(parts) if _number(part)), None)
    if first is None:
        return Place(Module("", ".".join(parts[:-1]) or name), None)
    kind = (part for part in parts[first + 1 : -1] if not _number(part))
    return Place(Module(".".join(parts[:first]) or ".", ".".join(kind)), int(parts[first]))


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return what sorts block 2 before block 10; names that differ never compare equal."""
    return tuple((0, int(part), part) if _number(part) else (1, 0, part) for part in name.split("."))


def plain(label: str) -> str:
    """Return a label as a part of a file's name; two that differ stay different, by a hash where letters are lost."""
    if _PLAIN.fullmatch(label):
        return label
    return f"{_STRANGE.sub('_', label)[:_SHORT]}.{short(label)}"


def short(text: str) -> str:
    """Return 8 hex digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def zeros(name: str) -> int:
    """Return in how many zero bits the hash of a name ends, for cuts that no count moves."""
    hashed = int.from_bytes(hashlib.sha256(name.encode()).digest())
    return (hashed & -hashed).bit_length() - 1


def _number(part: str) -> bool:
    return part.isdecimal() and part.isascii() and len(part) <= _DIGITS
