"""A server's connections while nobody is answered on them: bounded in time, and the first to go when others come."""

import socket
import threading
import time
from contextlib import suppress


class Lines:
    """Connections on which a request is waited for: since when, and until when it must be there in whole."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[socket.socket, tuple[float, float]] = {}

    def waits(self, line: socket.socket, within: float) -> None:
        """Wait for a request, or for the rest of one."""
        with self._lock:
            now = time.monotonic()
            self._waiting[line] = (now, now + within)

    def leaves(self, line: socket.socket) -> None:
        """Wait for nothing there any more: it is being answered, or over."""
        with self._lock:
            self._waiting.pop(line, None)

    def hangs_up(self) -> None:
        """End those whose time is over."""
        now = time.monotonic()
        with self._lock:
            for line in [line for line, (_, due) in self._waiting.items() if due < now]:
                self._end(line)

    def makes_room(self) -> bool:
        """End the one that has waited the longest; False when there is none."""
        with self._lock:
            line = min(self._waiting, key=lambda line: self._waiting[line][0], default=None)
            if line is not None:
                self._end(line)
        return line is not None

    def _end(self, line: socket.socket) -> None:
        """Let the thread that reads there wake up: it closes what it has."""
        del self._waiting[line]
        with suppress(OSError):  # the other side was faster
            line.shutdown(socket.SHUT_RDWR)
