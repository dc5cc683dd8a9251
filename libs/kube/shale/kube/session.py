"""One reading of our credentials and the session under them; the official client reads them."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import aiohttp
import msgspec
from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from shale.contracts.errors import Transient

MOST_WHY = 300
"""Characters of a cause that are repeated."""


class Request(msgspec.Struct, frozen=True):
    """What is sent: `body` is JSON of the type `kind`."""

    method: str
    path: str
    body: object
    kind: str
    within: aiohttp.ClientTimeout

    def __str__(self) -> str:
        """Return `GET /api/v1/pods`."""
        return f"{self.method} {self.path.partition('?')[0]}"


class Session:
    """Requests under one reading of our credentials. `users` are those who wait for an answer or read one."""

    def __init__(self, kubeconfig: str, configuration: Configuration, client: RESTClientObject) -> None:
        self._kubeconfig, self._configuration, self._client = kubeconfig, configuration, client
        self.users = 0
        self.closed = False

    async def send(self, request: Request) -> aiohttp.ClientResponse:
        """Send a request and return its answer, whatever the code. Raises Transient, also once it is closed."""
        with _reading(self._kubeconfig):
            settings = await self._configuration.auth_settings()  # a pod's token is read anew here
        headers = {"Accept": "application/json", "Content-Type": request.kind, "User-Agent": "shale"}
        if (bearer := settings.get("BearerToken")) is not None:
            headers["Authorization"] = str(bearer["value"])
        url, wanted = f"{self._configuration.host}{request.path}", {"headers": headers, "body": request.body}
        sent = cast("Any", self._client).request  # its types know no aiohttp.ClientTimeout
        try:
            answer = await sent(request.method, url, **wanted, _request_timeout=request.within)
        except (RuntimeError, AssertionError) as error:  # a session says either when it is closed under a request
            if not self.closed:
                raise
            raise Transient(f"{request} at the API server failed: the connection was closed meanwhile") from error
        return answer.response

    async def close(self) -> None:
        """Close it, whoever still uses it."""
        self.closed = True
        await self._client.close()


async def opened(kubeconfig: str) -> Session:
    """Read where the API server is and who we are. Raises Transient: the file may be just being written."""
    configuration, untyped = Configuration(), cast("Any", config)
    with _reading(kubeconfig):
        if kubeconfig:
            await untyped.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
        else:
            untyped.load_incluster_config(client_configuration=configuration)
        return Session(kubeconfig, configuration, RESTClientObject(configuration))


@contextmanager
def _reading(kubeconfig: str) -> Generator[None]:
    """Let the official client read: it trips in any way over what is half written, empty or no mapping."""
    try:
        yield
    except Exception as error:
        where = kubeconfig or "the pod's own account"
        cure = f"see that `kubectl --kubeconfig {kubeconfig} version` works" if kubeconfig else "give the pod one"
        raise Transient(f"no way to an API server by {where}: {_why(error)}: {cure}") from error


def _why(error: Exception) -> str:
    """Return the cause; what is no word of its own says little without its type."""
    said = " ".join(str(error).split())[:MOST_WHY]
    own = isinstance(error, OSError) or type(error) is cast("Any", config).ConfigException
    return said if said and own else f"{type(error).__name__} {said}".rstrip()
