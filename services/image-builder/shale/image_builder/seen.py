"""What image-builder looks at when it decides, and what it can do about it."""

import msgspec

from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.facts import ImageBuilt, LayerRefused, LayersPlanned, Scanned, ScanRefused, StorageReady
from shale.contracts.resources import ModelVersionSpec
from shale.oci.refusal import NoAccess


class Claimed(msgspec.Struct, frozen=True):
    """The tag is ours."""

    tag: str


class Taken(msgspec.Struct, frozen=True):
    """The tag is somebody else's, or names other content; `by` says whose or what, for a person."""

    tag: str
    by: str


class Reached(msgspec.Struct, frozen=True):
    """The registry lets us push."""


class Failed(msgspec.Struct, frozen=True):
    """The end that this very generation had before, as the object's own status has it."""

    reason: str
    message: str


class Seen(msgspec.Struct, frozen=True):
    """The levels of one generation of one version, and the tag and image in the registry."""

    about: About
    spec: ModelVersionSpec
    now: float
    held: bool = False
    wanted: bool = False
    known: ImageBuilt | Failed | None = None
    storage: StorageReady | None = None
    scan: Scanned | None = None
    plan: LayersPlanned | None = None
    refused: ScanRefused | LayerRefused | None = None
    asked: frozenset[str] = frozenset()
    """Parts of the jobs that are asked and not ended."""
    packed: dict[str, PackedLayer] = {}
    """Layers that lie in the registry, by the part of the plan."""
    lost: dict[str, int] = {}
    """How often a packed layer was lost, by the part of the plan."""
    missing: tuple[str, ...] = ()
    """Parts whose blobs the registry did not have when the image was to be published."""
    announced: frozenset[str] = frozenset()
    """Digests of all images of this version that were told: a tag that names one of them does not move any more."""
    host: str = ""
    """The registry's, whose limits count; empty when the image lies in a folder."""
    reached: NoAccess | Reached | None = None
    """Whether the registry lets us in, once that was asked."""
    tag: Claimed | Taken | None = None
    image: ImageBuilt | None = None


class CheckAccess(msgspec.Struct, frozen=True):
    """Find out what keeps us out of the registry, before a byte is read for it."""


class ClaimTag(msgspec.Struct, frozen=True):
    """Claim the first of these tags that is free."""

    candidates: tuple[str, ...]


class PublishImage(msgspec.Struct, frozen=True):
    """Push the documents over these layers, and the tag last."""

    tag: str
    layers: tuple[tuple[Layer, PackedLayer], ...]


Effect = CheckAccess | ClaimTag | PublishImage


def candidates(spec: ModelVersionSpec, uid: str) -> tuple[str, ...]:
    """Return the tags that a version may have: the one it names, else `v` and 5, 8 or 12 characters of its uid."""
    if spec.image_tag:
        return (spec.image_tag,)
    bare = uid.replace("-", "")
    return tuple(f"v{bare[:length]}" for length in (5, 8, 12))
