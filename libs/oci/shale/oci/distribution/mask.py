"""What others repeat of our credentials is told by nobody: masked in whichever way it was written down again.

Registries and proxies quote headers, bodies and URLs in what they complain about: as they are, in base64, escaped for
a URL, for JSON, for a page, or cut off.
"""

import re
from base64 import b64encode, urlsafe_b64encode
from collections import deque

HIDDEN = "***"
_KNOWN = 32  # a job has one login, and that renewed; the rest are tokens
_SHORT = 4  # what is shorter stands in many words: there the whole text is hidden
_PIECE = 12  # so much of a secret is a secret: some show the beginning of a token
_WORD = re.compile(rf"[A-Za-z0-9+/=_.~%-]{{{_PIECE},}}")
_QUERY = re.compile(r"\?[^\s\"'<>]*[^\s\"'<>,.;:)]")
_CONTROLS = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}


class Mask:
    """The secrets of one job with one registry, the last of them."""

    def __init__(self) -> None:
        self._known: deque[str] = deque(maxlen=_KNOWN)

    def learn(self, *secrets: str) -> None:
        """Hide these from now on."""
        self._known.extend(one for one in secrets if one and one not in self._known)

    def __call__(self, text: str) -> str:
        """Return a text without any of them, and without what opens an upload or a signed download."""
        text = _QUERY.sub(f"?{HIDDEN}", text)
        known = list(self._known)
        for spelled in sorted(set[str]().union(*map(_spelled, known)), key=len, reverse=True):
            found = re.compile("".join(map(_written, spelled)), re.IGNORECASE)
            if found.search(text):
                text = found.sub(HIDDEN, text) if len(spelled) >= _SHORT else HIDDEN
        return _WORD.sub(lambda word: HIDDEN if any(_shares(word[0], one) for one in known) else word[0], text)


def _spelled(secret: str) -> set[str]:
    """Return a secret, and what it looks like in the base64 of whatever it stands in: three ways, by where."""
    data = secret.encode()
    spelled = {secret}
    for encode in (b64encode, urlsafe_b64encode):
        spelled.add(encode(data).decode().rstrip("="))
        for before in range(3):
            whole = encode(b"\0" * before + data).decode().rstrip("=")
            start, end = (before * 8 + 5) // 6, (before + len(data)) * 8 // 6
            spelled |= {whole[start:end]} if end - start >= _SHORT else set()
    return spelled


def _written(sign: str) -> str:
    """Return the expression for all ways to write one sign down."""
    if sign.isascii() and sign.isalnum():
        return sign
    utf16 = sign.encode("utf-16-be").hex()
    units = [utf16[at : at + 4] for at in range(0, len(utf16), 4)]
    ways = {
        rf"\\*{re.escape(sign)}",
        "".join(f"%(?:25)*{byte:02x}" for byte in sign.encode()),
        "".join(rf"\\+u{unit}" for unit in units),
        rf"\\+U{ord(sign):08x}",
        rf"\\+x{ord(sign):02x}",
        rf"&(?:amp;)?#0*{ord(sign)};",
        rf"&(?:amp;)?#x0*{ord(sign):x};",
        re.escape("".join(map(chr, sign.encode()))),
        *([_NAMED[sign].replace("&", "&(?:amp;)?")] if sign in _NAMED else []),
        *([r"\s+", r"\+"] if sign.isspace() else []),
        *([rf"\\+{_CONTROLS[sign]}"] if sign in _CONTROLS else []),
    }
    return f"(?:{'|'.join(sorted(ways, key=len, reverse=True))})"


def _shares(word: str, secret: str) -> bool:
    return any(word[at : at + _PIECE] in secret for at in range(len(word) - _PIECE + 1))
