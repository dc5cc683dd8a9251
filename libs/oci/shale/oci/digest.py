"""Digests: `sha256:<64 hex>`, the names of bytes."""

import hashlib
import re

Block = bytes | bytearray | memoryview
"""Bytes on the road: be done with one before asking for the next, because its buffer is used again."""

_SHAPE = re.compile(r"sha256:[0-9a-f]{64}")


class Hasher:
    """Names bytes while they pass by: their digest and their count so far."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def update(self, block: Block) -> None:
        """Take the next bytes; from 2 KiB on, the interpreter's lock is released meanwhile."""
        self._hash.update(block)
        self.size += len(block)

    @property
    def digest(self) -> str:
        """The digest of all bytes so far."""
        return f"sha256:{self._hash.hexdigest()}"


def of(data: Block) -> str:
    """Return the digest of `data`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def valid(text: str) -> bool:
    """Say whether `text` is a digest as Shale writes them: sha256 and lower case."""
    return _SHAPE.fullmatch(text) is not None


def hexadecimal(text: str) -> str:
    """Return the 64 hex digits of a digest; ValueError when it is none, so that none ever becomes a path."""
    if not valid(text):
        raise ValueError(f"{text!r} is not a digest of the form sha256:<64 hex digits>")
    return text.removeprefix("sha256:")
