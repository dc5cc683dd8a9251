"""Text as it reads whichever way it was written down: its escapes undone, without case, blanks and backslashes.

Whoever writes the text chooses what is looked at here: no expression goes over the same run in more than one way.
"""

import re
from base64 import b64encode, urlsafe_b64encode

_ESCAPE = re.compile(
    rb"%(?:25)*(?P<byte>[0-9a-f]{2})"
    rb"|(?<!\\)\\++(?:u(?P<high>d[89ab][0-9a-f]{2})\\++u(?P<low>d[c-f][0-9a-f]{2})|(?-i:U)(?P<wide>[0-9a-f]{8})"
    rb"|u(?P<unit>[0-9a-f]{4})|x(?P<code>[0-9a-f]{2})|(?P<control>[abfnrtv]))"
    rb"|&(?:amp;)*+(?:#x0*+(?P<hex>[0-9a-f]{1,6});|#0*+(?P<decimal>[0-9]{1,7});|(?P<name>lt|gt|quot|apos);)"
    rb"|&(?P<amp>amp;)(?:amp;)*+",
    re.IGNORECASE,
)
_SIGNS = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"lt": b"<",
    b"gt": b">",
    b"quot": b'"',
    b"apos": b"'",
    b"amp;": b"&",
}
_NOTHING = b" \t\n\r\v\f+\\"
"""What comes and goes: blanks are run together, and `+` in forms; backslashes double each time that they are quoted."""
_EDGES = frozenset(b"+\\")
_DEEP = 4  # escapes within escapes
_LONGEST_CODE = 0x10FFFF
_SHORT = 4  # characters of base64: fewer stand in many words


class Reading:
    """Bytes as they read, `said`, up to the byte `end`; and where each of those stood."""

    def __init__(self, data: bytes, end: int, *, escaped: bool) -> None:
        signs, places = data, [(at, at + 1) for at in range(len(data))]
        for _ in range(_DEEP if escaped else 0):
            before, (signs, places) = signs, _undone(signs, places)
            if signs == before:
                break
        self._signs, self._places = signs, [place for place in places if place[1] <= end]
        self._counts = [at for at in range(len(self._places)) if signs[at] not in _NOTHING]
        self.said = bytes(signs[at] for at in self._counts).lower()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where `said[start:end]` stood, with the `+` and backslashes beside it."""
        first, last = self._counts[start], self._counts[end - 1]
        while first and self._signs[first - 1] in _EDGES:
            first -= 1
        while last + 1 < len(self._places) and self._signs[last + 1] in _EDGES:
            last += 1
        return self._places[first][0], self._places[last][1]


def ways(secret: str, longest: int) -> frozenset[bytes]:
    """Return what a secret may read as, each of at most `longest` bytes."""
    cased = {secret, secret.lower(), secret.upper()}
    plain = {one.encode("utf-8", "surrogatepass") for one in cased}
    misread = {one.decode("latin-1").encode() for one in plain}  # UTF-8 that was taken for latin-1
    written = plain | misread | _in_base64(secret.encode("utf-8", "surrogatepass"))
    return frozenset(_bare(one)[:longest] for said in written for one in (said, _read(said)))


def _in_base64(data: bytes) -> set[bytes]:
    """Return what some bytes look like in the base64 of whatever they stand in: three ways, by where."""
    found: set[bytes] = set()
    for encode in (b64encode, urlsafe_b64encode):
        found.add(encode(data).rstrip(b"="))
        for before in range(3):
            whole = encode(b"\0" * before + data).rstrip(b"=")
            start, end = (before * 8 + 5) // 6, (before + len(data)) * 8 // 6
            found |= {whole[start:end]} if end - start >= _SHORT else set()
    return found


def _read(data: bytes) -> bytes:
    for _ in range(_DEEP):
        data = _ESCAPE.sub(_sign, data)
    return data


def _bare(data: bytes) -> bytes:
    return data.translate(None, _NOTHING).lower()


def _undone(data: bytes, places: list[tuple[int, int]]) -> tuple[bytes, list[tuple[int, int]]]:
    """Undo escapes once: each byte that comes out stands where its whole escape stood."""
    signs, stood, done = bytearray(), list[tuple[int, int]](), 0
    for found in _ESCAPE.finditer(data):
        start, end = found.span()
        sign = _sign(found)
        signs += data[done:start] + sign
        stood += places[done:start] + [(places[start][0], places[end - 1][1])] * len(sign)
        done = end
    return bytes(signs + data[done:]), stood + places[done:]


def _sign(found: re.Match[bytes]) -> bytes:
    """Return what an escape stands for."""
    kind = str(found.lastgroup)
    said = found[kind]
    match kind:
        case "byte":
            return bytes.fromhex(said.decode())
        case "low":
            units = bytes.fromhex((found["high"] + said).decode())
            return units.decode("utf-16-be").encode()
        case "decimal":
            code = int(said)
        case "wide" | "unit" | "code" | "hex":
            code = int(said, 16)
        case _:
            return _SIGNS[said.lower()]
    return chr(min(code, _LONGEST_CODE)).encode("utf-8", "surrogatepass")
