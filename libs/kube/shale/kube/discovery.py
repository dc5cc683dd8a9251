"""Where the objects of a kind lie on an API server: asked once per group, and again for a kind that is not known."""

from urllib.parse import quote

import msgspec

from shale.kube import answers
from shale.kube.connection import Connection
from shale.kube.gvk import Gvk


class Served(msgspec.Struct, frozen=True):
    """One kind as an API server serves it."""

    kind: str
    name: str
    namespaced: bool


class _Served(msgspec.Struct, frozen=True):
    resources: tuple[Served, ...] = ()


_SERVED = msgspec.json.Decoder(_Served)


class Discovery:
    """What an API server serves, as far as it was asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, dict[str, Served]] = {}

    async def find(self, gvk: Gvk) -> Served | None:
        """Return how a kind is served; None: it is not, just now. Raises Transient."""
        if gvk.kind not in self._known.get(gvk.api_version, {}):
            self._known[gvk.api_version] = await self._ask(gvk.api_version)
        return self._known[gvk.api_version].get(gvk.kind)

    async def path(self, gvk: Gvk, namespace: str = "", name: str = "") -> str:
        """Return where one object lies, or with no name all of one namespace or of all. Raises Transient.

        The namespace of a kind that has none is left out.
        """
        found = await self.find(gvk)
        if found is None:
            said = answers.Status(message="the kind is not served")
            raise answers.failure(404, said, str(gvk))
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace and found.namespaced else ""
        return f"{_root(gvk.api_version)}{within}/{found.name}" + (f"/{quote(name, safe='')}" if name else "")

    async def _ask(self, api_version: str) -> dict[str, Served]:
        answer = await self._connection.ask("GET", _root(api_version))
        if answer.code == 404:  # noqa: PLR2004 (HTTP)
            return {}
        if answer.code != 200:  # noqa: PLR2004 (HTTP)
            said = answers.status(answer.body)
            raise answers.failure(answer.code, said, f"what {api_version} serves", answer.retry_after)
        found = answers.parsed(_SERVED, answer.body, f"what {api_version} serves").resources
        return {one.kind: one for one in found if "/" not in one.name}  # the others are subresources


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
