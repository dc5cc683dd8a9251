"""Which layers a pack that was cut off had sent: the next one hashes those first, and does not send them again.

A hint in the home, one line a layer; what it says is never believed, for the registry is asked. A pack that comes to
its end takes it away.
"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from shale.contracts.artifact import Layer
from shale.oci import digest as digests
from shale.oci import disk

LARGEST = 2**20
"""Bytes that are read of one; sixty layers make four thousand."""


class Journal:
    """The layers of one folder that were sent into one repository; for several threads."""

    def __init__(self, home: Path, repo: str, uri: str) -> None:
        name = digests.hexadecimal(digests.of(f"{repo}\n{uri}".encode()))
        self._path = home / "packing" / name
        with suppress(FileNotFoundError), self._path.open("rb") as file:
            self._known = frozenset(file.read(LARGEST).split())
            return
        self._known = frozenset[bytes]()

    def knows(self, layer: Layer) -> bool:
        """Say whether a layer was sent as it is now: with the same files, by their names, sizes and times."""
        return _line(layer) in self._known

    def sent(self, layer: Layer) -> None:
        """Note a layer."""
        with disk.passing(f"note in {self._path} what was sent"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                disk.write_all(fd, _line(layer) + b"\n")
            finally:
                os.close(fd)

    def over(self) -> None:
        """Take it away: all is where it belongs."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):
            self._path.parent.rmdir()


def _line(layer: Layer) -> bytes:
    return digests.hexadecimal(digests.of(msgspec.json.encode(layer))).encode()
