"""Resources of which some cannot be read, as on a cluster whose schema is another release's: their metadata can."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from shale.contracts.resources import Kind, Object
from shale.kube.bucket import Bucket
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Change, Deleted, Expired, Listing, Missing, Obscured, Unreadable


class VeiledResources(EmbeddedResources):
    """The embedded store; of the objects in `veiled` (by name) nothing but the metadata is told."""

    def __init__(self, bucket: Bucket, *veiled: str) -> None:
        super().__init__(bucket)
        self.veiled = set(veiled)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | Missing:
        """Return the object as it stands."""
        obj = await super().get(kind, namespace, name)
        return obj if isinstance(obj, Missing) or not self._hides(obj) else Missing("cannot be read", _veil(obj))

    async def list(self, kind: Kind, namespace: str | None = None) -> Listing:
        """Return all objects of a kind."""
        said = await super().list(kind, namespace)
        items = tuple(obj for obj in said.items if not self._hides(obj))
        odd = tuple(_veil(obj) for obj in said.items if self._hides(obj))
        return Listing(items, said.resource_version, (*said.unreadable, *odd))

    async def watch(self, kind: Kind, resource_version: str) -> AsyncGenerator[Change]:
        """Yield what changes after `resource_version`."""
        async with aclosing(super().watch(kind, resource_version)) as changes:
            async for change in changes:
                if isinstance(change, Expired | Obscured) or not self._hides(change.object):
                    yield change
                else:
                    yield Obscured(_veil(change.object), deleted=isinstance(change, Deleted))

    def _hides(self, obj: Object) -> bool:
        return obj.metadata.name in self.veiled


def _veil(obj: Object) -> Unreadable:
    return Unreadable(obj.kind, obj.metadata, f"{obj.metadata.name} cannot be read")
