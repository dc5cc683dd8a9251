"""Entries that only the pool can write: signed by a key that is derived from the pool's, each for its own name.

A name is a keyed hash too: who may list them learns no path, not even by guessing. What an entry says stands there in
clear: digests, and the repositories where they lie.
"""

import hashlib
import hmac
from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

_MAC = 64
"""Hex digits in front of what is signed."""


class Seal:
    """What is written and believed by who has the pool's `key`."""

    def __init__(self, key: bytes) -> None:
        self._names, self._entries = _derived(key, "names"), _derived(key, "entries")

    def name(self, word: str, *of: str) -> str:
        """Return the name of an entry, of which `word` is the first word."""
        return f"{word}.{_mac(self._names, msgspec.json.encode((word, *of)))}"

    def closed(self, name: str, entry: msgspec.Struct) -> bytes:
        """Return an entry to be written under a name."""
        body = msgspec.json.encode(entry)
        return self._signed(name, body) + body

    def opened(self, name: str, value: bytes, kind: type[T]) -> T | None:
        """Return an entry that we wrote under this very name; None for any other value."""
        mac, body = value[:_MAC], value[_MAC:]
        if not hmac.compare_digest(mac, self._signed(name, body)):
            return None
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError:
            return None  # ours, of another release

    def _signed(self, name: str, body: bytes) -> bytes:
        return _mac(self._entries, name.encode() + b"\0" + body).encode()


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, f"shale index\0{purpose}".encode(), "sha256")


def _mac(key: bytes, what: bytes) -> str:
    return hmac.new(key, what, hashlib.sha256).hexdigest()
