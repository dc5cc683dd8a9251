"""Objects of any kind on an API server, as the plain manifests that one would have written by hand.

For who makes volumes, pods and workloads. Our own kinds have a typed door: `resources.py`.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from shale.kube import answers, deletes, names, watching
from shale.kube.answers import Answer
from shale.kube.connection import APPLY, Connection
from shale.kube.discovery import Discovery
from shale.kube.gvk import Gvk, gvk_of
from shale.kube.resources import Cascade, Conflict, Expired, Invalid, Missing, Removed
from shale.kube.trees import Tree, Trees

_TREES = msgspec.json.Decoder(Tree)


class Seen(msgspec.Struct, frozen=True):
    """An object was made or written, or is gone (`deleted`): this is how it stands, or stood last."""

    tree: Tree
    deleted: bool = False


class Client:
    """Every method raises `Transient` when the API server cannot be reached, refuses us, or does not serve the kind.

    `manager` owns the fields that are applied. A namespace is left out for kinds that have none.
    """

    def __init__(self, connection: Connection, manager: str) -> None:
        self._connection, self._manager = connection, manager
        self._discovery = Discovery(connection)

    async def serves(self, gvk: Gvk) -> bool:
        """Say whether the API server serves a kind: CRDs of others may not be installed."""
        return await self._discovery.find(gvk) is not None

    async def get(self, gvk: Gvk, namespace: str, name: str) -> Tree | Missing:
        """Return the object as it stands."""
        what = _named(gvk, namespace, name)
        if not names.is_segment(name):
            return Missing(f"{what} is not there")
        said = answers.read(await self._connection.ask("GET", await self._discovery.path(gvk, namespace, name)), what)
        return said if isinstance(said, Missing) else _tree(said, what)

    async def list(self, gvk: Gvk, namespace: str = "", labels: str = "", fields: str = "") -> Trees:
        """Return all objects of a kind in one namespace or in all, those that the selectors (`a=b,c`) pick."""
        path = await self._discovery.path(gvk, namespace)
        found = await watching.items(self._connection, path, _selected(labels, fields))
        head = {"apiVersion": gvk.api_version, "kind": gvk.kind}  # a list's items do not say it
        return Trees(tuple({**head, **_tree(item, str(gvk))} for item in found.items), found.resource_version)

    async def watch(
        self, gvk: Gvk, resource_version: str, namespace: str = "", labels: str = ""
    ) -> AsyncGenerator[Seen | Expired]:
        """Yield what changes after `resource_version`, in order. It ends with `Expired`: list again."""
        path = await self._discovery.path(gvk, namespace)
        async with aclosing(watching.events(self._connection, path, resource_version, _selected(labels))) as events:
            async for event in events:
                yield event if isinstance(event, Expired) else Seen(_tree(event.body, str(gvk)), event.deleted)

    async def apply(
        self, manifest: Mapping[str, Any], *, subresource: str = "", force: bool = True, dry_run: bool = False
    ) -> Tree | Missing | Conflict | Invalid:
        """Make or change an object as we want it: fields that we applied before and leave out now go.

        A uid or resourceVersion in its metadata must be the object's, and makes no new one; in a subresource (`status`)
        only the resourceVersion protects a namesake. `Missing`: its namespace, or of a subresource the object.
        Without `force` a field that is another's is a Conflict.
        """
        tree = dict(manifest)
        gvk, meta = gvk_of(tree), tree["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        if not names.is_segment(name):
            return Invalid(f"metadata.name {name!r} is no name")
        path = await self._discovery.path(gvk, namespace, name)
        query = {"fieldManager": self._manager, "force": str(force).lower(), **({"dryRun": "All"} if dry_run else {})}
        at = f"{path}/{subresource}" if subresource else path
        return _done(await self._connection.ask("PATCH", at, query, tree, APPLY), _named(gvk, namespace, name))

    async def create(self, manifest: Mapping[str, Any]) -> Tree | Missing | Conflict | Invalid:
        """Make an object that is not there yet (`generateName` names it). `Missing`: its namespace."""
        tree = dict(manifest)
        gvk, meta = gvk_of(tree), tree["metadata"]
        namespace = meta.get("namespace", "")
        path, query = await self._discovery.path(gvk, namespace), {"fieldManager": self._manager}
        what = _named(gvk, namespace, meta.get("name", meta.get("generateName", "")))
        return _done(await self._connection.ask("POST", path, query, tree), what)

    async def delete(  # noqa: PLR0913 (each says which object is meant, or how)
        self,
        gvk: Gvk,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str = "",
        cascade: Cascade = "background",
    ) -> Tree | Removed | Missing | Conflict:
        """Delete an object: it is `Removed`, or comes back as it stands while something holds it.

        With a uid only that very object is meant, and no namesake; with a resourceVersion, only as it was read.
        """
        what = _named(gvk, namespace, name)
        if not names.is_segment(name):
            return Missing(f"{what} is not there")
        path = await self._discovery.path(gvk, namespace, name)
        answer = await self._connection.ask("DELETE", path, body=deletes.options(uid, cascade, resource_version))
        match answers.written(answer, what):
            case Invalid(message):
                raise ValueError(f"{what} cannot be deleted: {message}")
            case Missing() | Conflict() as said:
                return said
            case body:
                removed = deletes.removed(body, what)
                return Removed(removed) if removed is not None else _tree(body, what)


def _done(answer: Answer, what: str) -> Tree | Missing | Conflict | Invalid:
    said = answers.admitted(answer, what)
    return _tree(said, what) if isinstance(said, bytes) else said


def _tree(body: bytes, what: str) -> Tree:
    return answers.parsed(_TREES, body, what)


def _named(gvk: Gvk, namespace: str, name: str) -> str:
    return f"{gvk.kind} {namespace}/{name}" if namespace else f"{gvk.kind} {name}"


def _selected(labels: str, fields: str = "") -> dict[str, str]:
    return {**({"labelSelector": labels} if labels else {}), **({"fieldSelector": fields} if fields else {})}
