"""What others repeat of our credentials is told by nobody: masked in whichever way it was written down again.

Registries and proxies quote headers, bodies and URLs in what they complain about: as they are, in base64, escaped for
a URL, for JSON, for a page, or cut off. Who chose the secret may choose the answer too: secrets are looked for as they
are, in a text of bounded length.
"""

import re
from collections import deque
from collections.abc import Iterable
from functools import cached_property

from shale.oci.distribution.spelling import Reading, ways

HIDDEN = "***"
LONGEST = 2**11
"""Bytes of a text that are looked at, which is more than is told of any; the rest is dropped."""
_TAIL = 64  # bytes at a cut, where an escape may be broken: dropped too
_KNOWN = 32  # a job has one login, and that renewed; the rest are tokens
_HELD = 2**14  # of a secret: more fits into no header
_SHORT = 4  # what is shorter stands in many words: there the whole text is hidden
_PIECE = 12  # so much of a secret is a secret: some show the beginning of a token
_WORD = re.compile(rf"[A-Za-z0-9+/=_.~%-]{{{_PIECE},}}")
_QUERY = re.compile(r"\?[^\s\"'<>]*[^\s\"'<>,.;:)]")


class Known:
    """A secret, and what it reads as: worked out when it is first looked for."""

    def __init__(self, secret: str) -> None:
        self.text = secret[:_HELD]

    @cached_property
    def ways(self) -> frozenset[bytes]:
        """What it may read as."""
        return ways(self.text, LONGEST)


class Mask:
    """The secrets of one job with one registry, the last of them."""

    def __init__(self) -> None:
        self.known: deque[Known] = deque(maxlen=_KNOWN)

    def learn(self, *secrets: str) -> None:
        """Hide these from now on."""
        held = {one.text for one in list(self.known)}
        self.known.extend(Known(one) for one in secrets if one and one[:_HELD] not in held)

    def __call__(self, text: str) -> str:
        """Return a text without any of them, and without what opens an upload or a signed download."""
        known = list(self.known)
        found = _without(text, frozenset[bytes]().union(*(one.ways for one in known)))
        pieces = {piece for word in _WORD.findall(found) for piece in _pieces(word)}
        told = {piece for one in known for piece in _pieces(one.text) if piece in pieces}
        found = _WORD.sub(lambda word: HIDDEN if not told.isdisjoint(_pieces(word[0])) else word[0], found)
        return _QUERY.sub(f"?{HIDDEN}", found)


def _without(text: str, secrets: frozenset[bytes]) -> str:
    """Return the text, or the beginning of a long one, without what reads as a secret."""
    data = text[: LONGEST + 1].encode("utf-8", "surrogatepass")
    end = len(data) if len(data) <= LONGEST else LONGEST - _TAIL
    spans: list[tuple[int, int]] = []
    for reading in (Reading(data[:LONGEST], end, escaped=escaped) for escaped in (False, True)):
        for secret in secrets:
            found = [reading.span(at, at + len(secret)) for at in _places(reading.said, secret)]
            if len(secret) < _SHORT and (found or not secret):
                return HIDDEN
            spans += found
        if end < len(data):
            begun = min((_begun(reading.said, secret) for secret in secrets), default=len(reading.said))
            spans += [(reading.span(begun, begun + 1)[0], end)] if begun < len(reading.said) else []
    return _painted(data[:end], spans)


def _places(said: bytes, secret: bytes) -> Iterable[int]:
    at = said.find(secret) if secret else -1
    while at >= 0:
        yield at
        at = said.find(secret, at + len(secret))


def _begun(said: bytes, secret: bytes) -> int:
    """Return where a secret begins that the end of the text cuts off; the end where none does."""
    least = max(len(said) - len(secret), 0)
    return next((at for at in range(least, len(said)) if secret.startswith(said[at:])), len(said))


def _painted(data: bytes, spans: list[tuple[int, int]]) -> str:
    shown, done = bytearray(), 0
    for start, end in sorted(spans):
        if start > done or not shown:
            shown += data[done:start] + HIDDEN.encode()
        done = max(done, end)
    return (shown + data[done:]).decode("utf-8", "replace")


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(len(text) - _PIECE + 1)]
