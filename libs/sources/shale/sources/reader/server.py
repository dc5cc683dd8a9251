"""The reader as a server: bounded, and able to end without cutting an answer short."""

import socket
import threading
import time
from contextlib import suppress
from http.server import ThreadingHTTPServer
from typing import Any

from shale.sources.reader import wire
from shale.sources.reader.handler import Handler
from shale.sources.reader.volume import Volume

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class ReaderServer(ThreadingHTTPServer):
    """At most ASKERS connections, each in a thread of its own; `quiet_since` tells when it last had one."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, volume: Volume) -> None:
        self.volume = volume
        self.quiet_since = time.monotonic()
        self._slots = threading.BoundedSemaphore(wire.ASKERS)
        self._active, self._lock = 0, threading.Condition()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)

    @property
    def active(self) -> int:
        """How many requests are being answered; those of a kubelet are not counted."""
        return self._active

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (as socketserver has it)
        """Answer in a thread, or say that there is none: an asker comes again."""
        if self._slots.acquire(blocking=False):
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
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (as socketserver has it)
        """Say nothing: an asker that went away is no news."""

    def begins(self) -> None:
        """Count a request."""
        with self._lock:
            self._active += 1

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
