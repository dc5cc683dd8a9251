"""Resources on a Kubernetes cluster: every write names its manager, every refusal is a value."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from shale.contracts.resources import Kind, Object, Status
from shale.contracts.resources.meta import OwnerReference
from shale.kube import answers, deletes, manifests, names, objects, watching
from shale.kube.connection import APPLY, MERGE, Connection
from shale.kube.record import kind_of, plain
from shale.kube.records import TRIES
from shale.kube.resources import (
    Cascade,
    Change,
    Changed,
    Conflict,
    Deleted,
    Expired,
    Invalid,
    Listing,
    Missing,
    Obscured,
    Removed,
    Unreadable,
)

MANAGER = "shale"
"""The field manager of what services write."""


class ClusterResources:
    """The door to resources on an API server; `manager` owns the fields that services write.

    `wrote` hears of each status that was written, with the object that it was written over.
    """

    def __init__(
        self, connection: Connection, manager: str = MANAGER, wrote: Callable[[Object, Status], None] | None = None
    ) -> None:
        self._connection, self._manager, self._wrote = connection, manager, wrote
        self._streams: bool | None = None

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | Missing:
        """Return the object as it stands."""
        if not (names.is_label(namespace) and names.is_label(name)):
            return Missing(f"{objects.named(kind, namespace, name)} is not there")
        answer = await self._connection.ask("GET", objects.path(kind, namespace, name))
        said = answers.read(answer, objects.named(kind, namespace, name))
        read = said if isinstance(said, Missing) else objects.read(kind, said)
        return Missing(read.message, unreadable=read) if isinstance(read, Unreadable) else read

    async def list(self, kind: Kind, namespace: str | None = None) -> Listing:
        """Return all objects of a kind."""
        if namespace is not None and not names.is_label(namespace):
            return Listing((), "0")
        found = await self._items(objects.path(kind, namespace))
        read = [objects.read(kind, item) for item in found.items]
        odd = tuple(one for one in read if isinstance(one, Unreadable))
        return Listing(tuple(one for one in read if not isinstance(one, Unreadable)), found.resource_version, odd)

    async def watch(self, kind: Kind, resource_version: str) -> AsyncGenerator[Change]:
        """Yield what changes after `resource_version`."""
        async with aclosing(watching.events(self._connection, objects.path(kind), resource_version)) as events:
            async for event in events:
                if isinstance(event, Expired):
                    yield event
                elif isinstance(obj := objects.read(kind, event.body), Unreadable):
                    yield Obscured(obj, deleted=event.deleted)
                else:
                    yield Deleted(obj) if event.deleted else Changed(obj)

    async def create(self, obj: Object) -> Object | Conflict | Invalid:
        """Make an object that is not there yet: the one write that apply cannot say."""
        kind, meta = kind_of(obj), obj.metadata
        if found := names.complaints(meta):
            return Invalid("; ".join(found))
        new = msgspec.structs.replace(meta, uid="", resource_version="", generation=0, creation_timestamp="")
        tree = manifests.of(msgspec.structs.replace(obj, metadata=new, status=kind.status()))
        query = {"fieldManager": self._manager, "fieldValidation": "Strict"}
        answer = await self._connection.ask("POST", objects.path(kind, meta.namespace), query, tree)
        return objects.made(kind, answer, objects.named(kind, meta.namespace, meta.name))

    async def apply(
        self, manifest: Mapping[str, Any], manager: str, *, dry_run: bool = False
    ) -> Object | Conflict | Invalid:
        """Create or change spec, labels and annotations as `manager` wants them."""
        said = manifests.read(manifest)
        if isinstance(said, Invalid):
            return said
        query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        meta = said.metadata
        path, what = (
            objects.path(said.kind, meta.namespace, meta.name),
            objects.named(said.kind, meta.namespace, meta.name),
        )
        for _ in range(TRIES):
            answer = await self._connection.ask(
                "PATCH", path, {**query, "dryRun": "All"} if dry_run else query, objects.tree(said), APPLY
            )
            done = objects.made(said.kind, answer, what)
            if not isinstance(done, Conflict) or meta.uid or meta.resource_version:
                return done
        return Conflict(f"{what} is written by too many at once: try again")

    async def apply_status(self, obj: Object, status: Status) -> Object | Missing | Conflict | Invalid:
        """Replace the status of the very object that was read.

        Its resourceVersion protects it: an apply to /status goes by the name, whatever uid it says (seen).
        """
        kind, meta = kind_of(obj), obj.metadata
        same = {
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        }
        tree = {"apiVersion": manifests.API_VERSION, "kind": kind.kind, "metadata": same, "status": plain(status)}
        query = {"fieldManager": self._manager, "force": "true", "fieldValidation": "Strict"}
        path = f"{objects.path(kind, meta.namespace, meta.name)}/status"
        answer = await self._connection.ask("PATCH", path, query, tree, APPLY)
        done = objects.done(kind, answer, objects.named(kind, meta.namespace, meta.name))
        if self._wrote is not None and not isinstance(done, Missing | Conflict | Invalid):
            self._wrote(obj, status)
        return done

    async def edit_metadata(
        self,
        obj: Object | Unreadable,
        *,
        finalizers: tuple[str, ...] | None = None,
        owner_references: tuple[OwnerReference, ...] | None = None,
        annotations: Mapping[str, str | None] | None = None,
    ) -> Object | Unreadable | Missing | Conflict | Invalid:
        """Replace finalizers or owners, or merge annotations, of the very object that was read.

        A merge patch: an apply leaves in what others own, and to replace a list is to take theirs out too.
        """
        kind, meta = kind_of(obj), obj.metadata
        wanted: dict[str, object] = {"uid": meta.uid, "resourceVersion": meta.resource_version}
        if finalizers is not None:
            wanted["finalizers"] = list(finalizers)
        if owner_references is not None:
            wanted["ownerReferences"] = [msgspec.to_builtins(one) for one in owner_references]
        if annotations is not None:
            wanted["annotations"] = dict(annotations)
        path, query = objects.path(kind, meta.namespace, meta.name), {"fieldManager": self._manager}
        answer = await self._connection.ask("PATCH", path, query, {"metadata": wanted}, MERGE)
        said = answers.written(answer, objects.named(kind, meta.namespace, meta.name))
        return objects.read(kind, said) if isinstance(said, bytes) else said

    async def delete(
        self, kind: Kind, namespace: str, name: str, uid: str | None = None, cascade: Cascade = "background"
    ) -> Object | Unreadable | Removed | Missing | Conflict:
        """Delete an object; its dependents follow, go first or are let go."""
        what = objects.named(kind, namespace, name)
        if not (names.is_label(namespace) and names.is_label(name)):
            return Missing(f"{what} is not there")
        answer = await self._connection.ask(
            "DELETE", objects.path(kind, namespace, name), body=deletes.options(uid, cascade)
        )
        match answers.written(answer, what):
            case Invalid(message):
                raise ValueError(f"{what} cannot be deleted: {message}")
            case Missing() | Conflict() as said:
                return said
            case body:
                removed = deletes.removed(body, what)
                return Removed(removed) if removed is not None else objects.read(kind, body)

    async def _items(self, path: str) -> watching.Items:
        """List as the server likes it best."""
        if self._streams is None:
            self._streams = await watching.streams(self._connection)
        if self._streams and (found := await watching.streamed(self._connection, path)) is not None:
            return found
        return await watching.items(self._connection, path)
