"""What a Model's versions amount to.

Pure, folded over the watcher's own cache (a fact's subject does not say its model).
"""

from collections.abc import Iterable

from shale.contracts.resources import FINALIZER, Model, ModelStatus, ModelVersion
from shale.contracts.resources.model import LatestVersion, VersionRow
from shale.kube.conditions import ready, reconciling, stamp

MOST = 100
"""Rows that a status holds; `versionsTotal` counts them all."""


def catalogue(model: Model, versions: Iterable[ModelVersion], now: str) -> ModelStatus:
    """Return the status of `model` over its versions: newest first, the latest is the newest that has a digest.

    Versions are ordered by (creationTimestamp, name): two of the same second go by name.
    """
    mine = sorted(
        versions, key=lambda version: (version.metadata.creation_timestamp, version.metadata.name), reverse=True
    )
    latest = next(
        (version for version in mine if version.status.digest and not version.metadata.deletion_timestamp), None
    )
    generation = model.metadata.generation
    deleting = bool(model.metadata.deletion_timestamp)
    says = ready("Listed", f"{len(mine)} versions" if len(mine) != 1 else "1 version")
    if deleting:
        says = reconciling("Deleting", f"waits for {', '.join(waits_for(model))}")
    return ModelStatus(
        observed_generation=generation,
        phase="Deleting" if deleting else "Ready",
        latest_version=_latest(latest) if latest else None,
        versions=tuple(_row(version) for version in mine[:MOST]),
        versions_total=len(mine),
        conditions=stamp(says, model.status.conditions, generation, now),
    )


def waits_for(model: Model) -> tuple[str, ...]:
    """Return the finalizers that others keep on it: only they take them."""
    return tuple(finalizer for finalizer in model.metadata.finalizers if finalizer != FINALIZER)


def _latest(version: ModelVersion) -> LatestVersion:
    return LatestVersion(version.metadata.name, version.status.image, version.status.digest)


def _row(version: ModelVersion) -> VersionRow:
    name = version.metadata.name
    return VersionRow(name, name, version.status.phase or "Pending", sum(layer.size for layer in version.status.layers))
