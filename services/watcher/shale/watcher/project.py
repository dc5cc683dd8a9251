"""The status of a ModelVersion as a projection: the same milestones and readings give the same status, in any order."""

import msgspec

from shale.contracts.amounts import amount, progress, share
from shale.contracts.artifact import PackedLayer
from shale.contracts.facts import (
    Declared,
    Fact,
    ImageBuilt,
    LayerLost,
    LayerPacked,
    LayerRefused,
    LayersPlanned,
    Progressed,
    Refused,
    Scanned,
    ScanRefused,
    StorageReady,
)
from shale.contracts.jobs import place
from shale.contracts.resources import ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.modelversion import Phase
from shale.kube.conditions import Says, ready, reconciling, retrying, stalled, stamp
from shale.runtime.told import Told

TERMINAL = frozenset({"Ready", "Failed"})
PROVISIONER, WAITS = "storage-provisioner", "waits for its storage"
"""Who gives a version its storage, and what is said until they say more."""
_AT_IT = frozenset({"Waiting", "Working"})
MESSAGE = 16_384
"""Characters of a foreign message that a condition holds: the API takes 32,768 in all."""


def project(told: Told, before: ModelVersionStatus, now: str) -> ModelVersionStatus:
    """Return the whole status; `before` is the object's own, `now` RFC 3339 for conditions that change.

    A terminal status is never replaced by an emptier one: after the bus was wiped, what is known stays known, and since
    when it was so.
    """
    phase, says = _standing(told)
    ended = before.observed_generation == told.about.generation and before.phase in TERMINAL
    if ended and phase != "Deleting" and (phase not in TERMINAL or _was_known(told) or _contradicts(told, before)):
        return before
    sums = _sums(told)
    stall = next((said.reason for said in says if said.type == "Stalled"), "")  # seen in the table, where people look
    return msgspec.structs.replace(
        _image(told, before, keep=bool(told.gone)),
        observed_generation=told.about.generation,
        phase=phase,
        progress=stall or (progress(sums.done, sums.total) if sums.total else ""),
        bytes_total=sums.total,
        bytes_done=sums.done,
        bytes_new=sums.new,
        bytes_reused=sums.reused,
        new=amount(sums.new) if sums.packed else "",
        reused=share(sums.reused, sums.packed) if sums.packed else "",
        start_time=_when(told, Declared),
        finish_time=_when(told, ImageBuilt) or _when(told, Refused),
        conditions=stamp(says, before.conditions, told.about.generation, now),
    )


def _contradicts(told: Told, before: ModelVersionStatus) -> bool:
    """Whether another end is told of a generation that is Ready: its digest may be pinned by anyone, for ever."""
    built = told.one(ImageBuilt)
    return before.phase == "Ready" and (built is None or built.digest != before.digest)


def _was_known(told: Told) -> bool:
    """Whether this generation had ended before it was declared (again): no more will be told than its status has."""
    return told.declared is not None and told.declared.known is not None


def _standing(told: Told) -> tuple[Phase, tuple[Says, ...]]:
    """Return the phase, and what is to be said under each condition."""
    if told.gone:
        return "Deleting", reconciling("Deleting", _ending(told))
    storage = _storage(told)
    if (built := told.one(ImageBuilt)) is not None:
        return "Ready", (*ready("ImageBuilt", f"{built.image}@{built.digest}{_uncut(told)}"), *storage)
    if refusals := told.all(Refused):
        refused = min(refusals, key=lambda fact: fact.part)
        return "Failed", (*stalled(refused.reason, refused.message[:MESSAGE]), *storage)
    if dry := _dry_run(told):
        return "Pending", (Says("Ready", "False", "DryRun", dry), *storage)
    phase, message = _phase(told)
    worst = _worst(told)
    if worst is not None and _stalls(worst):
        return phase, (*stalled(worst.reason, worst.message[:MESSAGE]), *storage)
    if worst is not None and worst.state == "Retrying":
        again = max(0, round(worst.next_at - told.now))
        return phase, (*retrying(again, worst.message[:MESSAGE]), *storage)
    return phase, (*reconciling(phase, message), *storage)


def _ending(told: Told) -> str:
    """Return who holds something of what is deleted, and what keeps them from letting go of it."""
    if not told.holders:
        return "nothing is held any more"
    tries = {one.part: f" ({one.message})" for one in told.readings if one.state == "Retrying"}
    return f"waits for {', '.join(holder + tries.get(holder, '') for holder in told.holders)}"[:MESSAGE]


def _uncut(told: Told) -> str:
    """Return what is to be said of a version that was to be cut into tiles and had nothing to cut; else nothing."""
    scan, spec = told.one(Scanned), told.declared.spec if told.declared else None
    if scan is None or scan.checkpoints or not isinstance(spec, ModelVersionSpec) or spec.layout != "tensors":
        return ""
    return "; packed as files: no safetensors checkpoint of 16 MiB or more lies there"


def _dry_run(told: Told) -> str:
    """Return what a dry run found out; empty when it is none, or not through: then nothing is worked on any more."""
    plan, spec = told.one(LayersPlanned), told.declared.spec if told.declared else None
    if plan is None or not isinstance(spec, ModelVersionSpec) or not spec.dry_run:
        return ""
    size = amount(sum(layer.size for layer in plan.layers))
    return f"dry run: {len(plan.layers)} layers, {size}; set dryRun: false to pack them{_uncut(told)}"


def _phase(told: Told) -> tuple[Phase, str]:
    plan = told.one(LayersPlanned)
    if plan is not None:
        packed = _packed(told)
        if len(packed) == len(plan.layers):
            return "Publishing", "all layers packed; pushes the manifests"
        return "Packing", f"{len(packed)} of {len(plan.layers)} layers packed"
    if told.one(Scanned) is not None:
        return "Scanning", "plans the layers"
    if told.one(StorageReady) is not None:
        spec = told.declared.spec if told.declared else None
        to = f" to {spec.image_repo}" if isinstance(spec, ModelVersionSpec) else ""
        return "Scanning", f"asks whether we may push{to}, then lists what lies at the source"
    words = (reading.message for reading in _open(told) if reading.part == PROVISIONER and reading.state in _AT_IT)
    return "Provisioning", next(filter(None, words), WAITS)[:MESSAGE]


def _storage(told: Told) -> tuple[Says, ...]:
    storage = told.one(StorageReady)
    return (Says("StorageReady", "True", "Readable", f"read at {place(storage)}"),) if storage else ()


def _when(told: Told, kind: type[Fact]) -> str:
    """Return when the first fact of a class was told of this generation, or an empty string."""
    mine = (s for s in told.said if isinstance(s.fact, kind) and s.fact.about.generation == told.about.generation)
    return min((s.time for s in mine), default="")


def _worst(told: Told) -> Progressed | None:
    """Return the reading that a person should know of first: what stalls, else what retries."""
    bad = (reading for reading in _open(told) if _stalls(reading) or reading.state == "Retrying")
    return min(bad, key=lambda reading: (not _stalls(reading), reading.part), default=None)


def _stalls(reading: Progressed) -> bool:
    """Whether it stalls, or is only looked at once more: then work says at its beginning what stalled it."""
    return reading.state == "Stalled" or (reading.state == "Working" and reading.reason != "")


def _open(told: Told) -> tuple[Progressed, ...]:
    """Return the readings of what is still worked on: one is void once its part has its milestone."""
    jobs = (*told.all(Scanned), *told.all(ScanRefused), *told.all(LayerPacked), *told.all(LayerRefused))
    ended = {f"builder-sync.{fact.part}" for fact in jobs}
    if told.one(StorageReady) is not None:
        ended.add(PROVISIONER)
    return tuple(reading for reading in told.readings if reading.part not in ended)


def _packed(told: Told) -> dict[str, PackedLayer]:
    """Return the layers that lie in the registry, by the part of the plan."""
    lost = {fact.part for fact in told.all(LayerLost)}
    return {fact.part.partition("~")[0]: fact.layer for fact in told.all(LayerPacked) if fact.part not in lost}


class _Sums(msgspec.Struct, frozen=True):
    total: int
    done: int
    packed: int
    new: int
    reused: int


def _sums(told: Told) -> _Sums:
    """Add up bytes: of layers that are packed the blob's, of others what the plan and their workers' readings say."""
    plan, packed = told.one(LayersPlanned), _packed(told)
    if (built := told.one(ImageBuilt)) is not None:
        packed = {layer.digest: layer for layer in built.layers}
    reused = sum(layer.size for layer in packed.values() if layer.reused)
    blobs = sum(layer.size for layer in packed.values())
    if plan is None or built is not None:
        return _Sums(blobs, blobs, blobs, blobs - reused, reused)
    waiting = {layer.part: layer.size for layer in plan.layers if layer.part not in packed}
    moved: dict[str, int] = {}
    for reading in _open(told):
        part = reading.part.removeprefix("builder-sync.").partition("~")[0]
        moved[part] = max(moved.get(part, 0), reading.bytes_done)
    done = sum(min(size, moved.get(part, 0)) for part, size in waiting.items())
    return _Sums(blobs + sum(waiting.values()), blobs + done, blobs, blobs - reused, reused)


def _image(told: Told, before: ModelVersionStatus, *, keep: bool) -> ModelVersionStatus:
    """Return the image of the newest generation that was built: a retry erases no success."""
    built = told.built
    if keep or built is None or built.about.generation < before.built_generation:
        return before
    return msgspec.structs.replace(
        before,
        image=built.image,
        digest=built.digest,
        model_pack=built.model_pack,
        layers=built.layers,
        built_generation=built.about.generation,
    )
