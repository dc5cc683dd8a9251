"""Laws of the projection: whatever happened to a version, in whatever order it is told, however often."""

import random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shale.contracts.about import About
from shale.contracts.amounts import progress
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.facts import (
    Declared,
    Gone,
    Held,
    ImageBuilt,
    LayerLost,
    LayerPacked,
    LayerRefused,
    LayersPlanned,
    Progressed,
    Refused,
    Released,
    Scanned,
    StorageReady,
)
from shale.contracts.resources import ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.kube.conditions import kstatus
from shale.runtime.told import Said, Told
from shale.watcher.project import TERMINAL, project

UID = About("modelversion", "team-a", "mv-1", "uid-1", 1)
SPEC = ModelVersionSpec("resnet", "registry.example/m", Storage(local_storage=LocalStorage("/models", "node-1")))
NOW = "2026-01-01T12:00:00Z"
HOLDERS = ("image-builder", "storage-provisioner")
FRAME = 2048
"""What a tar adds to what it holds: a blob is never the size that was planned."""


class History(msgspec.Struct, frozen=True):
    """Everything that was said of one version, oldest first, and the readings of its newest generation."""

    said: tuple[Said, ...]
    readings: tuple[Progressed, ...]

    def told(self, upto=None):
        """Return the levels after so many facts, as the loop reads them for a card that folds."""
        said = self.said[:upto]
        newest = max((s.fact.about.generation for s in said if isinstance(s.fact, Declared)), default=1)
        kept = tuple(s for s in said if _is_level(s.fact, newest))
        readings = self.readings if upto is None else ()
        return Told(UID.at(newest), kept, readings=readings, now=1_800_000_000.0)


def _is_level(fact, newest):
    return fact.about.generation in (0, newest) or isinstance(fact, Declared | ImageBuilt | Gone)


@st.composite
def generations(draw, number, *, last):
    """Draw what is told of one generation: the road up to somewhere, and perhaps an end."""
    about = UID.at(number)
    facts: list[Any] = [Declared(about, msgspec.structs.replace(SPEC, attempt=number, dry_run=draw(st.booleans())), "")]
    sizes = draw(st.lists(st.integers(0, 2**40), min_size=1, max_size=4))
    layers = tuple(Layer(f"{index}-{number}f", f"layer {index}", size) for index, size in enumerate(sizes))
    road = [
        StorageReady(about, "file:///models"),
        Scanned(about, "all~1", (), ()),
        LayersPlanned(about, layers, "v1"),
    ]
    reached = draw(st.integers(0, 3))
    facts += road[:reached]
    blobs = {}
    for layer in layers if reached == 3 else ():
        came, packed = draw(packings(about, layer))
        facts += came
        blobs |= packed
    ends = ["nothing", "refused", "bug"] + (["built"] * 3 if len(blobs) == len(layers) else [])
    match draw(st.sampled_from(ends)):
        case "built":
            packed = tuple(blobs[layer.part] for layer in layers)
            facts.append(ImageBuilt(about, "m:v1", f"sha256:{number}", "m:v1-modelpack", packed))
        case "refused":
            facts.append(Refused(about, "image-builder", "TagTaken", "choose another"))
        case "bug":
            facts += [Refused(about, part, "Bug", "why") for part in HOLDERS]
        case _:
            pass
    parts = [f"builder-sync.{layer.part}~{tried}" for layer in layers for tried in (1, 2)]
    readings = draw(working(about, parts)) if last else ()
    return facts, readings


@st.composite
def packings(draw, about, layer):
    """Draw how one layer fares: nobody packed it yet, it is there, or it was lost and is tried again; or refused."""
    facts, tried = [], 1
    while draw(st.booleans()) and tried <= 3:
        part = f"{layer.part}~{tried}"
        blob = PackedLayer(layer.name, "weight", f"sha256:{layer.part}{tried}", layer.size + FRAME, draw(st.booleans()))
        facts.append(LayerPacked(about, part, blob))
        if draw(st.booleans()):
            return facts, {layer.part: blob}
        facts.append(LayerLost(about, part, blob.digest))
        tried += 1
    if draw(st.booleans()):
        facts.append(LayerRefused(about, f"{layer.part}~{tried}", "SourceChanged", "why"))
    return facts, {}


@st.composite
def working(draw, about, parts):
    """Draw what services and workers last said of their work, the stale as well as the true."""
    who = draw(st.lists(st.sampled_from([*HOLDERS, "builder-sync.all~1", *parts]), unique=True))
    states = st.sampled_from(["Working", "Waiting", "Stalled", "Retrying"])
    return tuple(
        Progressed(about, part, draw(states), "Reason", "why", bytes_done=draw(st.integers(0, 2**41))) for part in who
    )


@st.composite
def histories(draw):
    count = draw(st.integers(1, 3))
    drawn = [draw(generations(number, last=number == count)) for number in range(1, count + 1)]
    facts = [fact for told, _ in drawn for fact in told]
    held = draw(st.lists(st.sampled_from(HOLDERS), unique=True))
    facts[1:1] = [Held(UID.whole(), part) for part in held]
    if draw(st.booleans()):
        facts.append(Gone(UID.at(count + 1)))
        facts += [Released(UID.whole(), part) for part in held if draw(st.booleans())]
    said = [Said(fact, at, f"2026-01-01T00:{at // 60:02}:{at % 60:02}Z") for at, fact in enumerate(facts, 1)]
    return History(tuple(said), drawn[-1][1])


befores = st.one_of(
    st.just(ModelVersionStatus()),
    histories().map(lambda history: project(history.told(), ModelVersionStatus(), "2026-01-01T00:00:00Z")),
)


def folded(history):
    """Return the status as a scribe writes it that is woken by every single fact."""
    status = ModelVersionStatus()
    for upto in range(1, len(history.said) + 1):
        status = project(history.told(upto), status, f"2026-01-01T01:00:{upto % 60:02}Z")
    return project(history.told(), status, NOW)


def timeless(status):
    """Return a status without the moment at which a condition was first seen to be so."""
    conditions = tuple(msgspec.structs.replace(one, last_transition_time="") for one in status.conditions)
    return msgspec.structs.replace(status, conditions=conditions)


@given(histories(), befores, st.randoms(use_true_random=False))
def test_the_order_in_which_it_is_told_does_not_matter(history, before, chance: random.Random):
    told = history.told()
    said, readings = list(told.said), list(told.readings)
    chance.shuffle(said)
    chance.shuffle(readings)
    shuffled = msgspec.structs.replace(told, said=tuple(said), readings=tuple(readings))
    assert project(shuffled, before, NOW) == project(told, before, NOW)


@given(histories(), befores)
def test_projecting_again_changes_nothing(history, before):
    once = project(history.told(), before, NOW)
    assert project(history.told(), once, "2027-01-01T00:00:00Z") == once


@given(histories())
def test_folding_step_by_step_ends_where_folding_at_once_ends(history):
    told = history.told()
    step_by_step, at_once = timeless(folded(history)), timeless(project(told, ModelVersionStatus(), NOW))
    if told.gone:  # of what is being deleted the image is not looked for any more, only kept
        at_once = _with_image_of(at_once, step_by_step)
    assert step_by_step == at_once


def _with_image_of(status, other):
    fields = ("image", "digest", "model_pack", "layers", "built_generation")
    return msgspec.structs.replace(status, **{field: getattr(other, field) for field in fields})


@given(histories(), st.data())
def test_a_terminal_status_is_never_replaced_by_an_emptier_one(history, data):
    told = history.told()
    before = project(told, ModelVersionStatus(), NOW)
    kept = data.draw(st.lists(st.sampled_from(told.said), unique_by=id)) if told.said else []
    wiped = msgspec.structs.replace(told, said=tuple(kept), readings=())
    after = project(wiped, before, NOW)
    if before.phase in TERMINAL:
        assert after.phase in {*TERMINAL, "Deleting"}
        assert (after.image, after.digest, after.layers) == (before.image, before.digest, before.layers)


@given(histories())
def test_the_image_is_that_of_the_newest_generation_that_was_built(history):
    built = [said.fact for said in history.said if isinstance(said.fact, ImageBuilt)]
    status = folded(history)
    newest = max(built, key=lambda fact: fact.about.generation, default=None)
    assert status.digest == (newest.digest if newest else "")
    assert status.built_generation == (newest.about.generation if newest else 0)


@given(histories(), befores)
def test_conditions_are_true_to_kstatus(history, before):
    told = history.told()
    status = project(told, before, NOW)
    types = [condition.type for condition in status.conditions]
    assert len(set(types)) == len(types)
    assert "Ready" in types
    assert not {"Reconciling", "Stalled"} <= set(types)
    assert all(c.status == "True" for c in status.conditions if c.type != "Ready")
    assert all(c.reason and c.last_transition_time for c in status.conditions)
    generation = told.about.generation
    read = kstatus(status.conditions, generation, status.observed_generation)
    assert {"Ready": "Current", "Failed": "Failed"}.get(status.phase, read) == read
    assert (read == "Current") == (status.phase == "Ready")


@given(histories(), befores)
def test_what_is_observed_is_the_newest_wish(history, before):
    told = history.told()
    status = project(told, before, NOW)
    assert status.observed_generation == told.about.generation
    assert {c.observed_generation for c in status.conditions} == {told.about.generation}


@given(histories())
def test_bytes_add_up(history):
    told = history.told()
    status = project(told, ModelVersionStatus(), NOW)
    lost = {fact.part for fact in told.all(LayerLost)}
    packed = [fact.layer for fact in told.all(LayerPacked) if fact.part not in lost]
    assert status.bytes_new + status.bytes_reused == sum(layer.size for layer in packed)
    assert status.bytes_reused == sum(layer.size for layer in packed if layer.reused)
    assert 0 <= status.bytes_new + status.bytes_reused <= status.bytes_done <= status.bytes_total
    if status.phase == "Ready":
        assert status.bytes_done == status.bytes_total == sum(layer.size for layer in status.layers)


@given(histories())
def test_the_columns_say_what_the_numbers_say(history):
    status = project(history.told(), ModelVersionStatus(), NOW)
    total = status.bytes_total
    stall = [one.reason for one in status.conditions if one.type == "Stalled"]
    assert status.progress == (stall[0] if stall else progress(status.bytes_done, total) if total else "")
    assert bool(status.new) == bool(status.reused) == bool(status.bytes_new + status.bytes_reused)
