"""One connection to an API server: the official client's credentials and session, our time-outs, bytes in and out.

Importing this module takes a second (the official client): it is imported before an event loop runs, by who needs it.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import aiohttp
import msgspec

from shale.contracts.errors import Transient
from shale.kube.answers import Answer
from shale.kube.session import Request, Session, opened

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON = "application/json"

Query = Mapping[str, str | int]


class Patience(msgspec.Struct, frozen=True):
    """Seconds: to connect, for an answer, for a watch that the server is asked to end, and for one that is silent."""

    connect: float = 5.0
    answer: float = 60.0
    watch: int = 60
    """The server is asked to end a watch then: one that is silent for longer has no peer any more."""
    silence: float = 15.0
    """Beyond `watch`."""


class Connection:
    """Requests to one API server, by a kubeconfig's current context or by a pod's own account where it is empty.

    It opens when it is first used, and again after `close`. Credentials that are refused are read anew, into a session
    of its own: who still reads under the old one, a watch, goes on there.
    """

    def __init__(self, kubeconfig: str = "", patience: Patience = Patience()) -> None:  # noqa: B008 (frozen)
        self._kubeconfig, self.patience = kubeconfig, patience
        self._session: Session | None = None
        self._retired: set[Session] = set()
        """Those whose credentials were refused and that somebody still uses."""
        self._opening = asyncio.Lock()
        self._plain = aiohttp.ClientTimeout(total=patience.answer, sock_connect=patience.connect)

    async def ask(
        self, method: str, path: str, query: Query | None = None, body: object = None, kind: str = JSON
    ) -> Answer:
        """Send one request and return its answer, whatever the code; `body` is JSON. Raises Transient."""
        async with self._response(Request(method, _with(path, query), body, kind, self._plain)) as response:
            after = response.headers.get("Retry-After", "")
            return Answer(response.status, await response.read(), float(after) if after.isdecimal() else None)

    @asynccontextmanager
    async def stream(self, path: str, query: Query) -> AsyncGenerator["Stream"]:
        """Open an answer that does not end by itself: silence ends it. Raises Transient."""
        silence = self.patience.watch + self.patience.silence
        within = aiohttp.ClientTimeout(total=None, sock_connect=self.patience.connect, sock_read=silence)
        async with self._response(Request("GET", _with(path, query), None, JSON, within)) as response:
            yield Stream(response)

    async def close(self) -> None:
        """Close all sessions: who still waits for an answer gets a Transient."""
        if self._session is not None:
            self._retire(self._session)
        while self._retired:
            await self._retired.pop().close()

    @asynccontextmanager
    async def _response(self, request: Request) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Send a request; credentials that are refused are read anew once: a token may have been turned."""
        try:
            for tried in (1, 2):
                async with self._held() as session:
                    response = await session.send(request)
                    if response.status == 401 and tried == 1:  # noqa: PLR2004 (HTTP)
                        response.release()
                        self._retire(session)
                        continue
                    try:
                        yield response
                    finally:
                        _abort(response) if request.within.total is None else response.release()
                    return
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            where = self._kubeconfig or "the pod's own account"
            said = f"{request} at the API server failed: {_said(error)}: see that it runs where {where} says"
            raise Transient(said) from error

    @asynccontextmanager
    async def _held(self) -> AsyncGenerator[Session]:
        """Use the newest session; the last one to use one that is retired closes it."""
        async with self._opening:
            if self._session is None:
                async with asyncio.timeout(self.patience.answer):  # a plugin for credentials may hang
                    self._session = await opened(self._kubeconfig)
            session = self._session
        session.users += 1
        try:
            yield session
        finally:
            session.users -= 1
            if not session.users and session in self._retired:
                self._retired.remove(session)
                await session.close()

    def _retire(self, session: Session) -> None:
        """Let the next request open a new session, unless another one that was refused too has done so."""
        if self._session is session:
            self._session = None
            self._retired.add(session)


class Stream:
    """The body of an answer that goes on: its code, and its lines as they come."""

    LONGEST = 16 << 20
    """Bytes of a line: an object may have 3 MiB (the API server's bound), and managed fields beside it."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.code = response.status

    async def whole(self) -> bytes:
        """Return the body of an answer that is none of a watch."""
        return await self._response.read()

    async def lines(self) -> AsyncGenerator[bytes]:
        """Yield each line without its end; by chunks, as a reader of lines has a bound of its own."""
        rest = bytearray()
        async for chunk in self._response.content.iter_any():
            *ended, last = chunk.split(b"\n")
            for piece in ended:
                yield bytes(rest + piece) if rest else piece
                rest.clear()
            rest += last
            if len(rest) > self.LONGEST:
                raise Transient(f"the API server sent a line of more than {self.LONGEST} bytes")
        if rest:
            yield bytes(rest)


@asynccontextmanager
async def connected(kubeconfig: str = "", patience: Patience = Patience()) -> AsyncGenerator[Connection]:  # noqa: B008 (frozen)
    """Hold a connection, and close it."""
    connection = Connection(kubeconfig, patience)
    try:
        yield connection
    finally:
        await connection.close()


def _abort(response: aiohttp.ClientResponse) -> None:
    """End a stream at once: a farewell in TLS would be waited for, from a peer that may be no more."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


def _with(path: str, query: Query | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
