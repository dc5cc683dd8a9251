"""Stands before a server, counts the bytes both ways, and lets each connection have so many a second."""

import socket
import time
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Self

PIECE = 256 << 10
BUFFER = 256 << 10
"""Bytes that the system may hold for a connection: more would pass the limit in one go."""
END_WITHIN = 30.0


class Pace:
    """When the next bytes of one direction may go, at `rate` bytes a second (0: at once)."""

    def __init__(self, rate: float, now: float = 0.0) -> None:
        self._rate, self._due = rate, now

    def wait(self, count: int, now: float) -> float:
        """Return how many seconds to wait after `count` bytes went."""
        if not self._rate:
            return 0.0
        self._due = max(self._due, now) + count / self._rate
        return self._due - now


class Meter:
    """Serves while it is entered: `up` bytes went to the server, `down` came from it."""

    def __init__(self, behind: str, rate: float = 0) -> None:
        """`behind` is host:port, `rate` in bytes a second for each connection and direction."""
        host, _, port = behind.rpartition(":")
        self._behind, self._rate = (host, int(port)), rate
        self.up = self.down = self.most = 0
        self._lines: set[socket.socket] = set()
        self._lock, self._stopped = Lock(), Event()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self._thread = Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        """Return where it listens on 127.0.0.1."""
        return self._listener.getsockname()[1]

    @property
    def host(self) -> str:
        """Return where it listens, as host:port."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(END_WITHIN)
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            try:
                there = self._connected()
            except OSError:
                line.close()
                continue
            with self._lock:
                self._lines |= {line, there}
                self.most = max(self.most, len(self._lines) // 2)
            left = [2]
            for source, sink, up in ((line, there, True), (there, line, False)):
                Thread(target=self._pass_on, args=(source, sink, up, left), daemon=True).start()

    def _connected(self) -> socket.socket:
        there = socket.socket()
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        there.settimeout(END_WITHIN)
        there.connect(self._behind)
        there.settimeout(None)
        return there

    def _pass_on(self, source: socket.socket, sink: socket.socket, up: bool, left: list[int]) -> None:  # noqa: FBT001
        buffer, pace = memoryview(bytearray(PIECE)), Pace(self._rate)
        with suppress(OSError):
            while count := source.recv_into(buffer):
                with self._lock:
                    if up:
                        self.up += count
                    else:
                        self.down += count
                sink.sendall(buffer[:count])
                if (seconds := pace.wait(count, time.monotonic())) > 0:
                    self._stopped.wait(seconds)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        with self._lock:
            left[0] -= 1
            over = not left[0]
            if over:
                self._lines -= {source, sink}
        if over:
            source.close()
            sink.close()
