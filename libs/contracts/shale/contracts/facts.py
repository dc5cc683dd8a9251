"""Everything that can happen (milestones), and everything that can be so just now (readings).

A milestone is said once per subject for ever; the first one told wins. A reading is replaced by the next one of its
writer. The subject is made from `about`, the class's name and `part` (see `subjects.py`); a part is unique within its
fact.
"""

from typing import Annotated, Generic, TypeVar, get_args

import msgspec

from shale.contracts.about import About
from shale.contracts.artifact import File, Layer, PackedLayer, Small
from shale.contracts.openset import words
from shale.contracts.resources import Spec, Status

S_co = TypeVar("S_co", bound=Spec, covariant=True)
T_co = TypeVar("T_co", bound=Status, covariant=True)


class Declared(msgspec.Struct, Generic[S_co, T_co], frozen=True, rename="camel", omit_defaults=True):
    """The user wants this: the spec of one generation, and what its own status already knows of it.

    `known` is there when that status is terminal for this very generation: who finds its result there says it again
    without work.
    """

    about: About
    spec: S_co
    created: str
    """The object's creationTimestamp, RFC 3339."""
    known: T_co | None = None


class Gone(msgspec.Struct, frozen=True, rename="camel"):
    """This uid is over: it is being deleted, or no longer there. Nobody may begin anything for it."""

    about: About


class Held(msgspec.Struct, frozen=True, rename="camel"):
    """A service is about to make something that outlives its work.

    Until it says `Released` the object is not forgotten.
    """

    about: About
    part: str
    """The service."""


class Released(msgspec.Struct, frozen=True, rename="camel"):
    """A service has undone what it held."""

    about: About
    part: str
    """The service."""
    left: tuple[str, ...] = ()
    """What it leaves behind on purpose, by name (an image that is retained)."""


class Refused(msgspec.Struct, frozen=True, rename="camel"):
    """A service gave this generation up: only a new spec, a new attempt or a new object can mend it."""

    about: About
    part: str
    """The service."""
    reason: str
    message: str


class Wanted(msgspec.Struct, frozen=True, rename="camel"):
    """A service needs an object of ours that only the watcher may make; `part` is `<kind>~<name>`."""

    about: About
    part: str
    kind: str
    name: str


class StorageReady(msgspec.Struct, frozen=True, rename="camel"):
    """The weights can be read at `uri` by any packer."""

    about: About
    uri: str
    title: str = ""
    """How its user names that place; empty where the URI says it."""


class Scanned(msgspec.Struct, frozen=True, rename="camel"):
    """What lies at the source: large files one by one, everything else in runs."""

    about: About
    part: str
    files: tuple[File, ...]
    small: tuple[Small, ...]


class ScanRefused(msgspec.Struct, frozen=True, rename="camel"):
    """The source cannot be listed, or holds what no image can carry."""

    about: About
    part: str
    reason: str
    message: str


class LayersPlanned(msgspec.Struct, frozen=True, rename="camel"):
    """The plan, said before the first layer is asked for.

    So that a newer planner never gives an old part another meaning.
    """

    about: About
    layers: tuple[Layer, ...]
    tag: str
    """The tag that is claimed for the image."""


class LayerPacked(msgspec.Struct, frozen=True, rename="camel"):
    """The blob of one layer lies in the registry under its digest."""

    about: About
    part: str
    layer: PackedLayer


class LayerRefused(msgspec.Struct, frozen=True, rename="camel"):
    """One layer cannot be packed from what lies at the source."""

    about: About
    part: str
    reason: str
    message: str


class LayerLost(msgspec.Struct, frozen=True, rename="camel"):
    """A layer that was packed is no longer in the registry (collected before its manifest came).

    It is asked for again.
    """

    about: About
    part: str
    digest: str


class ImageBuilt(msgspec.Struct, frozen=True, rename="camel"):
    """The image stands in the registry, verified by digest; `digest` is the index's and is what serving pins."""

    about: About
    image: str
    digest: str
    model_pack: str
    layers: tuple[PackedLayer, ...]


State = Annotated[str, words("Working", "Waiting", "Stalled", "Retrying")]


class Progressed(msgspec.Struct, frozen=True, rename="camel"):
    """The one reading of work: what a service (and, for a job, its part) is doing just now.

    Void once that part has its milestone.

    `attempt` counts tries that died of their input (events.md, "What makes it once"); `next_at` is seconds since the
    epoch.
    """

    about: About
    part: str
    """`<service>` or `<service>.<part of the job>`."""
    state: State
    reason: str = ""
    message: str = ""
    bytes_done: int = 0
    attempt: int = 0
    error: str = ""
    next_at: float = 0


Milestone = (
    Declared[Spec, Status]
    | Gone
    | Held
    | Released
    | Refused
    | Wanted
    | StorageReady
    | Scanned
    | ScanRefused
    | LayersPlanned
    | LayerPacked
    | LayerRefused
    | LayerLost
    | ImageBuilt
)
Reading = Progressed
Fact = Milestone | Reading

MILESTONES: tuple[type[Milestone], ...] = tuple(getattr(kind, "__origin__", kind) for kind in get_args(Milestone))
READINGS: tuple[type[Reading], ...] = (Progressed,)
SIGNED: tuple[type[Fact], ...] = (Held, Released, Refused, Progressed)
"""Their part names the service that says them, and nobody else may."""
