"""One connection to an API server: the official client's credentials and session, our time-outs, bytes in and out.

Importing this module takes a second (the official client): it is imported before an event loop runs, by who needs it.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlencode

import aiohttp
import msgspec
from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from shale.contracts.errors import Transient
from shale.kube.answers import Answer

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

    It opens when it is first used, and again after `close`.
    """

    def __init__(self, kubeconfig: str = "", patience: Patience = Patience()) -> None:  # noqa: B008 (frozen)
        self._kubeconfig, self.patience = kubeconfig, patience
        self._configuration: Configuration | None = None
        self._client: RESTClientObject | None = None
        self._opening = asyncio.Lock()
        self._plain = aiohttp.ClientTimeout(total=patience.answer, sock_connect=patience.connect)

    async def ask(
        self, method: str, path: str, query: Query | None = None, body: object = None, kind: str = JSON
    ) -> Answer:
        """Send one request and return its answer, whatever the code; `body` is JSON. Raises Transient."""
        async with self._response(method, _with(path, query), body, kind, self._plain) as response:
            after = response.headers.get("Retry-After", "")
            return Answer(response.status, await response.read(), float(after) if after.isdigit() else None)

    @asynccontextmanager
    async def stream(self, path: str, query: Query) -> AsyncGenerator["Stream"]:
        """Open an answer that does not end by itself: silence ends it. Raises Transient."""
        silence = self.patience.watch + self.patience.silence
        within = aiohttp.ClientTimeout(total=None, sock_connect=self.patience.connect, sock_read=silence)
        async with self._response("GET", _with(path, query), None, JSON, within) as response:
            yield Stream(response)

    async def close(self) -> None:
        """Close the session."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    @asynccontextmanager
    async def _response(
        self, method: str, path: str, body: object, kind: str, within: aiohttp.ClientTimeout
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Send a request; credentials that are refused are read anew once: a token may have been turned."""
        where = f"{method} {path.partition('?')[0]}"
        try:
            response = await self._send(method, path, body, kind, within)
            if response.status == 401:  # noqa: PLR2004 (HTTP)
                response.release()
                await self.close()
                response = await self._send(method, path, body, kind, within)
            try:
                yield response
            finally:
                _abort(response) if within.total is None else response.release()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Transient(f"{where} at the API server failed: {_said(error)}") from error

    async def _send(
        self, method: str, path: str, body: object, kind: str, within: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        client, configuration = await self._open()
        headers = {"Accept": JSON, "Content-Type": kind, "User-Agent": "shale"}
        if (bearer := (await configuration.auth_settings()).get("BearerToken")) is not None:
            headers["Authorization"] = str(bearer["value"])
        url = f"{configuration.host}{path}"
        sent = cast("Any", client).request  # its types know no aiohttp.ClientTimeout
        return (await sent(method, url, headers=headers, body=body, _request_timeout=within)).response

    async def _open(self) -> tuple[RESTClientObject, Configuration]:
        async with self._opening:
            if self._client is None or self._configuration is None:
                self._configuration = await configured(self._kubeconfig)
                self._client = RESTClientObject(self._configuration)
            return self._client, self._configuration


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


async def configured(kubeconfig: str) -> Configuration:
    """Read where the API server is and who we are. Raises Transient: the file may be just being written."""
    configuration = Configuration()
    untyped = cast("Any", config)
    try:
        if kubeconfig:
            await untyped.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
        else:
            untyped.load_incluster_config(client_configuration=configuration)
    except (untyped.ConfigException, OSError, ValueError) as error:
        where = kubeconfig or "the pod's own account"
        raise Transient(f"no way to an API server by {where}: {_said(error)}") from error
    return configuration


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
