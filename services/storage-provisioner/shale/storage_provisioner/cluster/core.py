"""Kubernetes' own objects, as far as they are read here: parsed once, at the door. Pure."""

import datetime as dt
from typing import Any, TypeVar

import msgspec

Tree = dict[str, Any]


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """An object's metadata; times are RFC 3339."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Anything(msgspec.Struct, frozen=True):
    """An object of any kind."""

    kind: str
    metadata: Meta


class Waiting(msgspec.Struct, frozen=True):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Terminated(msgspec.Struct, frozen=True, rename="camel"):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    finished_at: str | None = None


class State(msgspec.Struct, frozen=True):
    """One of these is there."""

    waiting: Waiting | None = None
    terminated: Terminated | None = None


class Container(msgspec.Struct, frozen=True):
    """One container's status."""

    image: str = ""
    state: State = State()


class Condition(msgspec.Struct, frozen=True):
    """One condition."""

    type: str
    status: str
    message: str = ""


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What a kubelet says."""

    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[Container, ...] = ()


class Pod(msgspec.Struct, frozen=True):
    """A Pod."""

    metadata: Meta
    status: PodStatus = PodStatus()


class ClaimSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What is claimed."""

    volume_mode: str = "Filesystem"


class Phase(msgspec.Struct, frozen=True):
    """How a claim stands."""

    phase: str = "Pending"


class PersistentVolumeClaim(msgspec.Struct, frozen=True):
    """A claim."""

    metadata: Meta
    spec: ClaimSpec = ClaimSpec()
    status: Phase = Phase()


class ClaimRef(msgspec.Struct, frozen=True):
    """Which claim a volume is for."""

    namespace: str = ""
    name: str = ""
    uid: str = ""


class VolumeSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a volume is."""

    claim_ref: ClaimRef = ClaimRef()


class PersistentVolume(msgspec.Struct, frozen=True):
    """A volume."""

    metadata: Meta
    spec: VolumeSpec = VolumeSpec()


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """What a part of the cluster says about an object."""

    reason: str | None = None
    message: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None

    @property
    def when(self) -> str:
        """When it was said last, as something to sort by."""
        return self.last_timestamp or self.event_time or ""


T = TypeVar("T", Anything, Pod, PersistentVolumeClaim, PersistentVolume, Event)


def parsed(tree: Tree, kind: type[T]) -> T:
    """Return the object; what we do not read is left out. Raises msgspec.ValidationError: no API server sends that."""
    return msgspec.convert(tree, kind)


def seconds(stamp: str) -> float:
    """Return RFC 3339 as seconds since the epoch; what is none is long ago."""
    try:
        return dt.datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return 0.0
