"""The reader as a server: bounded, and able to end without cutting an answer short."""

import socket
import threading
import time
from contextlib import suppress
from http.server import ThreadingHTTPServer
from typing import Any

from shale.sources.reader import wire
from shale.sources.reader.handler import Handler
from shale.sources.reader.lines import Lines
from shale.sources.reader.volume import Volume

ROOM = 1.0
"""Seconds in which the thread of a connection that was ended is gone."""
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class ReaderServer(ThreadingHTTPServer):
    """A bounded number of connections, each in a thread of its own; `quiet_since` tells when who may last asked.

    No stranger keeps others out: a connection that says nothing is ended when its time is over, or one is needed.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, volume: Volume) -> None:
        self.volume = volume
        self.quiet_since = time.monotonic()
        self.lines = Lines()
        self._slots = threading.BoundedSemaphore(wire.ASKERS + wire.SPARE)
        self._active, self._lock = 0, threading.Condition()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)

    @property
    def active(self) -> int:
        """How many requests are being answered; those of a kubelet are not counted."""
        return self._active

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (as socketserver has it)
        """Answer in a thread, or say that there is none: an asker comes again."""
        if self._slots.acquire(blocking=False) or (self.lines.makes_room() and self._slots.acquire(timeout=ROOM)):
            super().process_request(request, client_address)
            return
        with suppress(OSError):  # it did not wait for the answer
            request.sendall(_BUSY)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (as socketserver has it)
        """Give the slot back, whatever came of it."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.lines.leaves(request)
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (as socketserver has it)
        """Say nothing: an asker that went away is no news."""

    def service_actions(self) -> None:
        """Look after the connections, at every turn of the loop."""
        self.lines.hangs_up()

    def begins(self) -> bool:
        """Count a request; False when there are as many as may be."""
        with self._lock:
            free = self._active < wire.ASKERS
            self._active += free
        return free

    def ends(self) -> None:
        """Count it out."""
        with self._lock:
            self._active -= 1
            self.quiet_since = time.monotonic()
            self._lock.notify_all()

    def drained(self, seconds: float) -> bool:
        """Wait until no request is being answered; False when some still are after so many seconds."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._active, seconds)
