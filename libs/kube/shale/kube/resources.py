"""The one door to resources: what can be asked of them, and what can be answered.

Expected outcomes are values; `Transient` is the only error that crosses. Objects cross as the Structs of the contracts,
parsed at the door. A Kubernetes cluster and the embedded store stand behind it alike (one contract suite for both).
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal, Protocol

import msgspec

from shale.contracts.resources import Kind, Object, Status
from shale.contracts.resources.meta import OwnerReference, Unreadable

Cascade = Literal["background", "foreground", "orphan"]


class Missing(msgspec.Struct, frozen=True):
    """No object of that kind, namespace and name, or it is another one by now (its uid says so).

    `unreadable`: something is there that nobody can read; nobody may take it for gone.
    """

    message: str
    unreadable: Unreadable | None = None


class Conflict(msgspec.Struct, frozen=True):
    """The object is not what the writer believed: it changed, is there already, or has another uid. Read it again."""

    message: str


class Invalid(msgspec.Struct, frozen=True):
    """The write breaks the schema or a rule, also a namespace's own; one line that names what is wrong and its cure."""

    message: str


class Removed(msgspec.Struct, frozen=True):
    """The object is gone, at once: nothing held it."""

    uid: str


class Listing(msgspec.Struct, frozen=True):
    """All objects of a kind as of `resource_version`: a watch from there on misses nothing.

    `unreadable` hides none of the others, and is not gone.
    """

    items: tuple[Object, ...]
    resource_version: str
    unreadable: tuple[Unreadable, ...] = ()


class Changed(msgspec.Struct, frozen=True):
    """An object was made or written: this is how it stands."""

    object: Object


class Deleted(msgspec.Struct, frozen=True):
    """An object is gone: this is how it stood last."""

    object: Object


class Expired(msgspec.Struct, frozen=True):
    """The resourceVersion asked for is too old to continue from: list again. The watch ends with it."""

    message: str


class Obscured(msgspec.Struct, frozen=True):
    """What cannot be read was made or written, or is gone (`deleted`): of it only the metadata is known."""

    object: Unreadable
    deleted: bool = False


Change = Changed | Deleted | Obscured | Expired


class Resources(Protocol):
    """Objects of Shale's kinds. Every method raises `Transient` when the store cannot be reached just now."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | Missing:
        """Return the object as it stands."""
        ...

    async def list(self, kind: Kind, namespace: str | None = None) -> Listing:
        """Return all objects of a kind, in one namespace or in all of them."""
        ...

    def watch(self, kind: Kind, resource_version: str) -> AsyncGenerator[Change]:
        """Yield what changes in all namespaces after `resource_version`, in order.

        Of several changes of one object that lie before a slow reader, only the last is sure to come.
        """
        ...

    async def create(self, obj: Object) -> Object | Conflict | Invalid:
        """Make an object that is not there yet; its status and what only the store may write are left out."""
        ...

    async def apply(
        self, manifest: Mapping[str, Any], manager: str, *, dry_run: bool = False
    ) -> Object | Conflict | Invalid:
        """Create or change spec, labels and annotations as `manager` wants them; never the status.

        Fields that `manager` applied before and leaves out now go, fields of others stay (server-side apply, forced).
        A uid or resourceVersion in the manifest must be the object's. Unknown fields are refused by name.
        """
        ...

    async def apply_status(self, obj: Object, status: Status) -> Object | Missing | Conflict | Invalid:
        """Replace the status of the very object that was read: its uid and resourceVersion must still hold.

        The same status again writes nothing and keeps the resourceVersion.
        """
        ...

    async def edit_metadata(
        self,
        obj: Object | Unreadable,
        *,
        finalizers: tuple[str, ...] | None = None,
        owner_references: tuple[OwnerReference, ...] | None = None,
        annotations: Mapping[str, str | None] | None = None,
    ) -> Object | Unreadable | Missing | Conflict | Invalid:
        """Replace finalizers or owners, or merge annotations (None takes one out), of the very object that was read.

        Taking the last finalizer from a deleting object removes it; what comes back is how it stood last. Its metadata
        is all that must be readable.
        """
        ...

    async def delete(
        self, kind: Kind, namespace: str, name: str, uid: str | None = None, cascade: Cascade = "background"
    ) -> Object | Unreadable | Removed | Missing | Conflict:
        """Delete an object: it is `Removed`, or comes back with a deletionTimestamp while finalizers hold it.

        Its dependents follow (`background`), go first (`foreground`) or lose their reference to it (`orphan`).
        """
        ...
