"""A body whose length nobody knows yet: blanks while it is worked on, then JSON, which may begin with blanks."""

import time
from io import BufferedIOBase

EVERY = 1.0
"""Seconds between two signs of life: who asks waits 30 for the next byte."""


class Body:
    """A chunked body of one answer."""

    def __init__(self, out: BufferedIOBase) -> None:
        self._out = out
        self._last = time.monotonic()

    def alive(self) -> None:
        """Give a sign of life when the last is long ago; OSError when nobody listens any more, which ends the work."""
        if time.monotonic() - self._last > EVERY:
            self._out.write(b"1\r\n \r\n")
            self._last = time.monotonic()

    def end(self, data: bytes) -> None:
        """Say it."""
        self._out.write(f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n")
