"""JSON as a safetensors header uses it, read from left to right with the offset of each thing and no recursion.

The standard readers say neither where a value stands nor that a key came twice.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_STRING: Final = re.compile(rb'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_NUMBER: Final = re.compile(rb"(?:0|[1-9][0-9]{0,19}+)(?![0-9.eE])")
"""No sign, no fraction, no exponent, and not more digits than 64 bits have."""


class WrongError(ValueError):
    """Something is wrong at `offset`."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"byte {offset}: {reason}")
        self.offset, self.reason = offset, reason


class Found(msgspec.Struct, frozen=True):
    """A string, and where its first byte stands."""

    text: str
    offset: int


class Scan:
    """A place in a JSON text; everything raises WrongError at the first byte that is not as asked."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def members(self) -> Iterator[Found]:
        """Yield the keys of an object one by one; whoever takes a key reads its value before asking for the next."""
        seen: set[str] = set()
        self._take(b"{", "an object")
        if self._peek() == b"}":
            self.at += 1
            return
        while True:
            key = self._key(seen)
            self._take(b":", "a colon")
            yield key
            if self._peek() == b"}":
                self.at += 1
                return
            self._take(b",", "a comma or }")

    def string(self) -> str:
        """Read a string."""
        self._space()
        found = _STRING.match(self._data, self.at)
        if found is None:
            raise WrongError(self.at, "here stands no string, or one that does not end")
        try:
            text = msgspec.json.decode(found.group(), type=str)
        except msgspec.DecodeError as error:  # half of a surrogate pair
            raise WrongError(self.at, f"this string is no text: {error}") from error
        self.at = found.end()
        return text

    def numbers(self, huge: int) -> tuple[int, ...]:
        """Read a list of whole numbers, none negative, all below `huge`."""
        self._take(b"[", "a list")
        if self._peek() == b"]":
            self.at += 1
            return ()
        numbers: list[int] = []
        while True:
            numbers.append(self._number(huge))
            if self._peek() == b"]":
                self.at += 1
                return tuple(numbers)
            self._take(b",", "a comma or ]")

    def _key(self, seen: set[str]) -> Found:
        self._space()
        offset = self.at
        text = self.string()
        if text in seen:
            raise WrongError(offset, f"the key {text[:80]!r} stands here a second time")
        seen.add(text)
        return Found(text, offset)

    def _number(self, huge: int) -> int:
        self._space()
        found = _NUMBER.match(self._data, self.at)
        if found is None or (number := int(found.group())) >= huge:
            raise WrongError(self.at, f"here stands no whole number from 0 to {huge - 1}")
        self.at = found.end()
        return number

    def _take(self, token: bytes, what: str) -> None:
        if self._peek() != token:
            raise WrongError(self.at, f"here should stand {what}")
        self.at += 1

    def _peek(self) -> bytes:
        self._space()
        return self._data[self.at : self.at + 1]

    def _space(self) -> None:
        if found := _SPACE.match(self._data, self.at):
            self.at = found.end()
