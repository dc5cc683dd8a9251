"""Which layers a pack that was cut off had sent: the next one hashes those first, and does not send them again.

A hint in the user's cache, one line a layer; what it says is never believed, for the registry is asked, and nothing
fails because it could not be noted. A pack that comes to its end takes it away, and those that never came to theirs.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from shale.contracts.artifact import Layer
from shale.contracts.errors import Transient
from shale.oci import digest as digests
from shale.oci import disk

LARGEST = 2**20
"""Bytes that are read of one; sixty layers make four thousand."""
KEPT = 7 * 24 * 3600.0
"""Seconds after which one is of no use: registries forget untagged layers sooner."""


class Journal:
    """The layers of one folder that were sent into one repository; for several threads."""

    def __init__(self, folder: Path | None, repo: str, uri: str) -> None:
        """Without a folder nothing is noted, and nothing known."""
        name = digests.hexadecimal(digests.of(f"{repo}\n{uri}".encode()))
        self._path = folder / name if folder else None
        self._known = frozenset[bytes]()
        if self._path:
            with suppress(OSError), self._path.open("rb") as file:
                self._known = frozenset(file.read(LARGEST).split())

    def knows(self, layer: Layer) -> bool:
        """Say whether a layer was sent as it is now: with the same files, by their names, sizes and times."""
        return _line(layer) in self._known

    def sent(self, layer: Layer) -> None:
        """Note a layer, where that can be."""
        if self._path is None:
            return
        with suppress(OSError, Transient):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                disk.write_all(fd, _line(layer) + b"\n")
            finally:
                os.close(fd)

    def over(self) -> None:
        """Take it away, and those that are old: all is where it belongs, or will never be."""
        if self._path is None:
            return
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
            for one in self._path.parent.iterdir():
                if one.stat().st_mtime < time.time() - KEPT:
                    one.unlink(missing_ok=True)
            self._path.parent.rmdir()


def folder(environ: Mapping[str, str], packed: Path) -> Path | None:
    """Return where journals lie: below XDG_CACHE_HOME, or `.cache` of the user's home; None where there is neither.

    Never in what is `packed`, an absolute path without links: it would be packed too.
    """
    with suppress(RuntimeError):
        cache = environ.get("XDG_CACHE_HOME", "")
        found = (Path(cache) if cache.startswith("/") else Path.home() / ".cache") / "shale" / "packing"
        return None if Path(os.path.realpath(found)).is_relative_to(packed) else found
    return None


def _line(layer: Layer) -> bytes:
    return digests.hexadecimal(digests.of(msgspec.json.encode(layer))).encode()
