"""What was told of one version, in image-builder's words; and whose its tag is."""

import msgspec

from shale.contracts.facts import (
    Declared,
    Held,
    ImageBuilt,
    LayerLost,
    LayerPacked,
    LayerRefused,
    LayersPlanned,
    Scanned,
    ScanRefused,
    StorageReady,
    Wanted,
)
from shale.contracts.resources import ModelVersionSpec, ModelVersionStatus, Spec, Status
from shale.image_builder.seen import Failed, Seen
from shale.runtime.told import Told


def levels(told: Told, name: str) -> Seen:
    """Return what was told; the loop sees to it that a wish was."""
    wish = told.declared
    if wish is None or not isinstance(wish.spec, ModelVersionSpec):
        raise TypeError(f"{told.about} was declared without a ModelVersion's spec")
    lost = [fact.part for fact in told.all(LayerLost)]
    return Seen(
        about=told.about,
        spec=wish.spec,
        now=told.now,
        held=told.one(Held, name) is not None,
        wanted=told.one(Wanted) is not None,
        known=known(wish) or again(told, wish.spec),
        storage=told.one(StorageReady),
        scan=told.one(Scanned),
        plan=told.one(LayersPlanned),
        refused=told.one(ScanRefused) or told.one(LayerRefused),
        asked=frozenset(part for _, part in told.asked),
        packed={base(fact.part): fact.layer for fact in told.all(LayerPacked) if fact.part not in lost},
        announced=frozenset(said.fact.digest for said in told.said if isinstance(said.fact, ImageBuilt)),
        lost={base(part): sum(base(other) == base(part) for other in lost) for part in lost},
    )


def base(part: str) -> str:
    """Return a job's part without its try: the part of the plan."""
    return part.partition("~")[0]


def again(told: Told, spec: ModelVersionSpec) -> ImageBuilt | None:
    """Return the image of an earlier generation that asked for the very same build.

    Of a spec only `attempt` asks for a new one: who changes `deletionPolicy` or `dryRun` has the image already.
    """
    built = told.built
    if built is None or built.about.generation == told.about.generation:
        return None
    wishes = (said.fact for said in told.said if isinstance(said.fact, Declared))
    before = next((wish.spec for wish in wishes if wish.about.generation == built.about.generation), None)
    same = isinstance(before, ModelVersionSpec) and before.attempt == spec.attempt
    return msgspec.structs.replace(built, about=told.about) if same else None


def known(wish: Declared[Spec, Status]) -> ImageBuilt | Failed | None:
    """Return the end that this generation had before, if the object's own status has it."""
    status = wish.known
    if not isinstance(status, ModelVersionStatus):
        return None
    if status.phase == "Ready" and status.digest:
        return ImageBuilt(wish.about, status.image, status.digest, status.model_pack, status.layers)
    ready = next((condition for condition in status.conditions if condition.type == "Ready"), None)
    return Failed(ready.reason, ready.message) if ready and status.phase == "Failed" else None
