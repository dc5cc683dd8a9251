"""The kinds that users declare, one module each, and what the rest of the house needs to know of every kind.

As data.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from shale.contracts.resources import model, modelversion
from shale.contracts.resources.model import Model, ModelSpec, ModelStatus
from shale.contracts.resources.modelversion import ModelVersion, ModelVersionSpec, ModelVersionStatus, Registry

GROUP = "shale.dev"
VERSION = "v1alpha1"
FINALIZER = "shale.dev/forget"

Object = Model | ModelVersion
Spec = ModelSpec | ModelVersionSpec
Status = ModelStatus | ModelVersionStatus

S = TypeVar("S", bound=Spec)


class Column(msgspec.Struct, frozen=True):
    """One printer column; `priority` 1 shows in wide tables only."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


class Kind(msgspec.Struct, frozen=True):
    """One kind: its words in Kubernetes, its Structs, its columns, and what it refers to."""

    kind: str
    plural: str
    short: str
    resource: type[Any]
    spec: type[Any]
    status: type[Any]
    columns: tuple[Column, ...]
    refers: Callable[[Any], tuple[tuple[str, str], ...]]

    @property
    def word(self) -> str:
        """The kind as subjects and `About` write it: lower case, singular."""
        return self.kind.lower()


KINDS: dict[str, Kind] = {
    kind.word: kind
    for kind in (
        Kind(
            kind="Model",
            plural="models",
            short="mo",
            resource=Model,
            spec=ModelSpec,
            status=ModelStatus,
            columns=(
                Column("Latest-Version", ".status.latestVersion.modelVersion"),
                Column("Latest-Image", ".status.latestVersion.imageName"),
                Column("Versions", ".status.versionsTotal", "integer"),
                Column("Ready", ".status.conditions[?(@.type=='Ready')].status"),
                Column("Age", ".metadata.creationTimestamp", "date"),
            ),
            refers=model.refers,
        ),
        Kind(
            kind="ModelVersion",
            plural="modelversions",
            short="mv",
            resource=ModelVersion,
            spec=ModelVersionSpec,
            status=ModelVersionStatus,
            columns=(
                Column("Model", ".spec.modelName"),
                Column("Phase", ".status.phase"),
                Column("Progress", ".status.progress"),
                Column("New", ".status.new"),
                Column("Reused", ".status.reused"),
                Column("Image", ".status.image"),
                Column("Ready", ".status.conditions[?(@.type=='Ready')].status"),
                Column("Age", ".metadata.creationTimestamp", "date"),
                Column("Digest", ".status.digest", priority=1),
                Column("Created-By", ".spec.createdBy", priority=1),
                Column("Finish-Time", ".status.finishTime", priority=1),
            ),
            refers=modelversion.refers,
        ),
    )
}

__all__ = [
    "FINALIZER",
    "GROUP",
    "KINDS",
    "VERSION",
    "Column",
    "Kind",
    "Model",
    "ModelSpec",
    "ModelStatus",
    "ModelVersion",
    "ModelVersionSpec",
    "ModelVersionStatus",
    "Object",
    "Registry",
    "Spec",
    "Status",
]
