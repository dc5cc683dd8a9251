"""A line on the loopback that breaks, whoever speaks over it, after so many bytes of each connection."""

import select
import socket
import struct
from contextlib import suppress
from threading import Event, Thread
from typing import Self

_LOOK = 0.1
_BLOCK = 2**16
_RESET = struct.pack("ii", 1, 0)


class Fraying:
    """Leads to one server while it is entered. `every` connection breaks after so many bytes that were said to it."""

    def __init__(self, to: str, every: int) -> None:
        host, _, port = to.partition(":")
        self.every, self.broken = every, 0
        self._to, self._stopped = (host, int(port)), Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while not self._stopped.is_set():
                Thread(target=self._lead, args=self._listening.accept()[:1], daemon=True).start()

    def _lead(self, here: socket.socket) -> None:
        with here, suppress(OSError), socket.create_connection(self._to) as there:
            if self._relay(here, there):
                self.broken += 1
                here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _relay(self, here: socket.socket, there: socket.socket) -> bool:
        """Pass on what both say; say whether it broke, and was not ended by one of them."""
        left = self.every
        while not self._stopped.is_set():
            ready, _, _ = select.select([here, there], [], [], _LOOK)
            for source in ready:
                data = source.recv(min(_BLOCK, left) if source is here else _BLOCK)
                if not data:
                    return False
                (there if source is here else here).sendall(data)
                left -= len(data) if source is here else 0
                if not left:
                    return True
        return False
