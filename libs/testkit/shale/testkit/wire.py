"""A wire to a server on the loopback that a test may cut, or make swallow whatever the server answers."""

import asyncio
from types import TracebackType
from typing import Self

BLOCK = 65_536


class Wire:
    """A relay in front of one port; it is an async context manager, and ends every connection that it relays."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self.swallows = False
        """Whether what the server says is lost on its way (what is said to it arrives)."""
        self.connections = 0
        """How many were made so far."""

    @property
    def url(self) -> str:
        """Where clients of NATS connect."""
        if self._server is None:
            raise RuntimeError("the wire is not up")
        return f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Abort every connection (RST); what is under way is lost, and from now on nothing is swallowed."""
        for end in self._ends:
            end.transport.abort()
        self.swallows = False

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there, to = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, to}
        self._ends |= ends
        try:
            await asyncio.gather(self._pipe(reader, to, answers=False), self._pipe(there, writer, answers=True))
        except OSError:
            pass  # one end is gone: so is the other
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        while block := await reader.read(BLOCK):
            if not (answers and self.swallows):
                writer.write(block)
                await writer.drain()
        raise ConnectionError("the other end hung up")
