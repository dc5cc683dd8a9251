"""What storage-provisioner looks at in a cluster when it decides, and what it can do about it."""

import msgspec

from shale.contracts.about import About
from shale.storage_provisioner.cluster import manifests
from shale.storage_provisioner.cluster.core import Meta, PersistentVolumeClaim, seconds
from shale.storage_provisioner.cluster.place import Place
from shale.storage_provisioner.cluster.pods import PodState
from shale.storage_provisioner.problem import Problem, Unusable


class Thing(msgspec.Struct, frozen=True):
    """One object of the cluster, as far as it matters who may touch it."""

    kind: str
    namespace: str
    name: str
    uid: str
    version: str
    """Its resourceVersion: who changes or deletes it says which one was read."""
    generation: int = 0
    """Of the wish that it was made for, or last wanted by."""
    ours: bool = False
    ends: bool = False
    since: float = 0.0
    """When it was made, or was to be gone, in seconds since the epoch; 0 when nobody knows."""

    def __str__(self) -> str:
        """Return `Pod team-a/shale-...`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Claim(msgspec.Struct, frozen=True):
    """A claim, the version's own or its user's; `why` is what the cluster says of one that is not bound."""

    thing: Thing
    bound: bool = False
    lost: bool = False
    block: bool = False
    why: str = ""


class Reader(msgspec.Struct, frozen=True):
    """A reader's Pod, how it stands, and what proves the token that it knows."""

    thing: Thing
    state: PodState
    proof: str = ""


class Seen(msgspec.Struct, frozen=True):
    """One generation of one version, and all that is there for it."""

    about: About
    now: float
    age: float
    """Seconds since this generation was declared."""
    place: Place | Problem | Unusable
    held: bool = False
    said: bool = False
    """`StorageReady` was told."""
    over: bool = False
    """It was built or refused, now or before: nobody reads any more."""
    claim: Claim | None = None
    volume: Thing | None = None
    service: Thing | None = None
    before: str = ""
    """The last words of the reader before this one."""
    reader: Reader | None = None
    uri: str = ""
    """Where the reader of that claim answers."""
    proof: str = ""
    """What proves the token by which the pool asks it."""
    strays: tuple[Thing, ...] = ()
    """Readers of older generations, and what else of ours this one does not want."""
    refused: str = ""
    """What the API server does not take, and why."""

    @property
    def all(self) -> tuple[Thing, ...]:
        """Everything that carries our name, in the order in which it is to go: nothing is taken from under a Pod."""
        claim = self.claim.thing if self.claim else None
        reader = self.reader.thing if self.reader else None
        found = (*self.strays, reader, self.service, claim, self.volume)
        return tuple(one for one in found if one is not None and one.ours)


class MakeClaim(msgspec.Struct, frozen=True):
    """Claim the version's own volume."""


class MakeVolume(msgspec.Struct, frozen=True):
    """Make the volume for that very claim."""

    claim: str


class MakeService(msgspec.Struct, frozen=True):
    """Give the reader an address."""


class MakeReader(msgspec.Struct, frozen=True):
    """Start a reader of that very claim; it waits so many seconds for its folder."""

    claim: str
    patience: int = 0


class Replace(msgspec.Struct, frozen=True):
    """Note the last words of a reader that is over, and take it away."""

    reader: Thing
    words: str = ""


class Adopt(msgspec.Struct, frozen=True):
    """Let an older generation's object be ours: it then withstands whoever still acts for that one."""

    thing: Thing


class TakeDown(msgspec.Struct, frozen=True):
    """Delete these very objects, in their order."""

    things: tuple[Thing, ...]


Effect = MakeClaim | MakeVolume | MakeService | MakeReader | Replace | Adopt | TakeDown


def thing_of(kind: str, meta: Meta, about: About) -> Thing:
    """Return whose an object is; one that does not say that it is ours is not."""
    ours = meta.labels.get(manifests.MANAGED) == manifests.SHALE and meta.labels.get(manifests.UID) == about.uid
    generation = meta.labels.get(manifests.GENERATION, "")
    return Thing(
        kind=kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        version=meta.resource_version,
        generation=int(generation) if generation.isdecimal() else 0,
        ours=ours,
        ends=meta.deletion_timestamp is not None,
        since=seconds(meta.deletion_timestamp or meta.creation_timestamp),
    )


def claim_of(claim: PersistentVolumeClaim, about: About, why: str = "") -> Claim:
    """Return how a claim stands."""
    phase, thing = claim.status.phase, thing_of("PersistentVolumeClaim", claim.metadata, about)
    return Claim(thing, phase == "Bound", phase == "Lost", claim.spec.volume_mode == "Block", why)
