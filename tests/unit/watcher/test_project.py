"""The status of a version, as sentences; the laws of the projection are in test_project_laws.py."""

import msgspec
import pytest

from shale.contracts.about import About
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
    ScanRefused,
    StorageReady,
)
from shale.contracts.resources import ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.told import Said, Told
from shale.watcher.project import MESSAGE, project

GiB, NOW, AT = 2**30, "2026-01-01T00:00:09Z", 1_800_000_000.0
ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
SPEC = ModelVersionSpec("resnet", "registry.example/m", Storage(local_storage=LocalStorage("/models", "node-1")))
EMPTY = ModelVersionStatus()

WISH = Declared(ABOUT, SPEC, "")
DRY = Declared(ABOUT, msgspec.structs.replace(SPEC, dry_run=True), "")
READY = StorageReady(ABOUT, "file:///models")
SCAN = Scanned(ABOUT, "all~1", (), ())
LAYERS = (Layer("0-aa", "small", 1 * GiB), Layer("1-bb", "a.safetensors", 3 * GiB))
PLAN = LayersPlanned(ABOUT, LAYERS, "v1")
SMALL = PackedLayer("small", "small", "sha256:aa", 1 * GiB)
WEIGHT = PackedLayer("a.safetensors", "weight", "sha256:bb", 3 * GiB, reused=True)
PACKED = LayerPacked(ABOUT, "0-aa~1", SMALL)
BUILT = ImageBuilt(ABOUT, "m:v1", "sha256:11", "m:v1-modelpack", (SMALL, WEIGHT))
HELD = Held(ABOUT.whole(), "image-builder")
ROAD = (WISH, READY, SCAN, PLAN)


def reading(part, state, reason="", message="", **more):
    return Progressed(ABOUT, part, state, reason, message, **more)


def told(*facts, readings=()):
    said = tuple(Said(fact, number, f"2026-01-01T00:00:{number:02}Z") for number, fact in enumerate(facts, 1))
    return Told(ABOUT, said, readings=tuple(readings), now=AT)


def status(*facts, readings=(), before=EMPTY):
    return project(told(*facts, readings=readings), before, NOW)


def says(projected):
    """Return what each condition that is not plain says, as (type, status, reason, message)."""
    plain = {"StorageReady"}
    return [(c.type, c.status, c.reason, c.message) for c in projected.conditions if c.type not in plain]


def working(reason, message):
    return [("Ready", "False", reason, message), ("Reconciling", "True", reason, message)]


def stuck(reason, message):
    return [("Ready", "False", reason, message), ("Stalled", "True", reason, message)]


STUCK = reading("storage-provisioner", "Stalled", "SourceNotFound", "make the folder")
TRIES = reading("builder-sync.1-bb~1", "Retrying", message="disk full", next_at=AT + 8)

PHASES = {
    "declared: waits for its storage": ((WISH,), (), "Provisioning", working("Provisioning", "waits for its storage")),
    "held is no progress": ((WISH, HELD), (), "Provisioning", working("Provisioning", "waits for its storage")),
    "stalled on its storage, with the cure": (
        (WISH,),
        (STUCK,),
        "Provisioning",
        stuck("SourceNotFound", "make the folder"),
    ),
    "what its storage waits for is said": (
        (WISH,),
        (reading("storage-provisioner", "Waiting", "Binding", "claim a/b is not bound yet"),),
        "Provisioning",
        working("Provisioning", "claim a/b is not bound yet"),
    ),
    "and while that is only looked at again": (
        (WISH,),
        (reading("storage-provisioner", "Working", message="claim a/b is not bound yet"),),
        "Provisioning",
        working("Provisioning", "claim a/b is not bound yet"),
    ),
    "what others wait for meanwhile is not": (
        (WISH,),
        (reading("image-builder", "Waiting", "Provisioning", "something"), reading("storage-provisioner", "Working")),
        "Provisioning",
        working("Provisioning", "waits for its storage"),
    ),
    "its storage is there: the stall is over": (
        (WISH, READY),
        (STUCK,),
        "Scanning",
        working("Scanning", "asks whether we may push to registry.example/m, then lists what lies at the source"),
    ),
    "listed": ((WISH, READY, SCAN), (), "Scanning", working("Scanning", "plans the layers")),
    "a listing that was retried is listed": (
        (WISH, READY, SCAN),
        (reading("builder-sync.all~1", "Retrying", message="slow"),),
        "Scanning",
        working("Scanning", "plans the layers"),
    ),
    "planned": (ROAD, (), "Packing", working("Packing", "0 of 2 layers packed")),
    "one layer is packed": ((*ROAD, PACKED), (), "Packing", working("Packing", "1 of 2 layers packed")),
    "a lost layer is not packed": (
        (*ROAD, PACKED, LayerLost(ABOUT, "0-aa~1", "sha256:aa")),
        (),
        "Packing",
        working("Packing", "0 of 2 layers packed"),
    ),
    "a layer that was lost and packed again is": (
        (*ROAD, PACKED, LayerLost(ABOUT, "0-aa~1", "sha256:aa"), LayerPacked(ABOUT, "0-aa~2", SMALL)),
        (),
        "Packing",
        working("Packing", "1 of 2 layers packed"),
    ),
    "all layers are packed": (
        (*ROAD, PACKED, LayerPacked(ABOUT, "1-bb~1", WEIGHT)),
        (),
        "Publishing",
        working("Publishing", "all layers packed; pushes the manifests"),
    ),
    "a layer is retried": (
        ROAD,
        (TRIES,),
        "Packing",
        working("Retrying", "retrying in 8 s: disk full"),
    ),
    "what should have been retried by now is retried in 0 s": (
        ROAD,
        (msgspec.structs.replace(TRIES, next_at=AT - 60),),
        "Packing",
        working("Retrying", "retrying in 0 s: disk full"),
    ),
    "a layer that was retried is packed": (
        (*ROAD, LayerPacked(ABOUT, "1-bb~1", WEIGHT)),
        (TRIES,),
        "Packing",
        working("Packing", "1 of 2 layers packed"),
    ),
    "what stalls is said before what retries": (
        ROAD,
        (TRIES, reading("image-builder", "Stalled", "Forbidden", "grant the Secret")),
        "Packing",
        stuck("Forbidden", "grant the Secret"),
    ),
    "what is only looked at again stalls still": (
        ROAD,
        (reading("builder-sync.0-aa~1", "Working", "DiskFull", "free some space"),),
        "Packing",
        stuck("DiskFull", "free some space"),
    ),
    "who works or waits has no complaint": (
        ROAD,
        (reading("builder-sync.0-aa~1", "Working"), reading("image-builder", "Waiting", "Packing", "waits")),
        "Packing",
        working("Packing", "0 of 2 layers packed"),
    ),
    "built": ((*ROAD, BUILT), (), "Ready", [("Ready", "True", "ImageBuilt", "m:v1@sha256:11")]),
    "built, whatever was complained about": (
        (*ROAD, BUILT),
        (STUCK, TRIES),
        "Ready",
        [("Ready", "True", "ImageBuilt", "m:v1@sha256:11")],
    ),
    "built, though somebody gave up too": (
        (*ROAD, BUILT, Refused(ABOUT, "image-builder", "Bug", "why")),
        (),
        "Ready",
        [("Ready", "True", "ImageBuilt", "m:v1@sha256:11")],
    ),
    "refused": (
        (*ROAD, Refused(ABOUT, "image-builder", "TagTaken", "choose another")),
        (),
        "Failed",
        stuck("TagTaken", "choose another"),
    ),
    "refused by several: the first by name is said": (
        (WISH, Refused(ABOUT, "storage-provisioner", "Bug", "b"), Refused(ABOUT, "image-builder", "TagTaken", "a")),
        (),
        "Failed",
        stuck("TagTaken", "a"),
    ),
    "a job that is refused is not yet the end": (
        (*ROAD, LayerRefused(ABOUT, "1-bb~1", "SourceChanged", "why")),
        (TRIES,),
        "Packing",
        working("Packing", "0 of 2 layers packed"),
    ),
    "a scan that is refused is not yet the end": (
        (WISH, READY, ScanRefused(ABOUT, "all~1", "Unreadable", "why")),
        (reading("builder-sync.all~1", "Retrying", message="slow"),),
        "Scanning",
        working("Scanning", "asks whether we may push to registry.example/m, then lists what lies at the source"),
    ),
    "a dry run on its way is worked on": (
        (DRY, READY),
        (),
        "Scanning",
        working("Scanning", "asks whether we may push to registry.example/m, then lists what lies at the source"),
    ),
    "a dry run that is through is not worked on": (
        (DRY, READY, SCAN, PLAN),
        (reading("image-builder", "Retrying", message="slow"),),
        "Pending",
        [("Ready", "False", "DryRun", "dry run: 2 layers, 4Gi; set dryRun: false to pack them")],
    ),
    "deleting: waits for who holds something": (
        (*ROAD, HELD, Gone(ABOUT.at(2))),
        (),
        "Deleting",
        working("Deleting", "waits for image-builder"),
    ),
    "deleting: says what keeps the holder from letting go, and nothing of others": (
        (*ROAD, HELD, Gone(ABOUT.at(2))),
        (reading("image-builder", "Retrying", message="m: 503"), TRIES),
        "Deleting",
        working("Deleting", "waits for image-builder (m: 503)"),
    ),
    "deleting: nobody holds anything": (
        (*ROAD, HELD, Gone(ABOUT), Released(ABOUT.whole(), "image-builder")),
        (),
        "Deleting",
        working("Deleting", "nothing is held any more"),
    ),
    "deleting, even when it was built": (
        (*ROAD, BUILT, Gone(ABOUT)),
        (),
        "Deleting",
        working("Deleting", "nothing is held any more"),
    ),
}


@pytest.mark.parametrize(("facts", "readings", "phase", "conditions"), PHASES.values(), ids=PHASES.keys())
def test_phase_and_conditions(facts, readings, phase, conditions):
    projected = status(*facts, readings=readings)
    assert (projected.phase, says(projected)) == (phase, conditions)


def test_the_place_that_is_read_has_a_condition_of_its_own_in_its_users_words():
    found = [status(WISH, StorageReady(ABOUT, "a", title)).conditions[-1] for title in ("", "claim b")]
    assert [f"{c.type}: {c.message}" for c in found] == ["StorageReady: read at a", "StorageReady: read at claim b"]


def test_times_are_those_of_the_facts():
    projected = status(*ROAD, BUILT)
    assert (projected.start_time, projected.finish_time) == ("2026-01-01T00:00:01Z", "2026-01-01T00:00:05Z")
    assert status(*ROAD).finish_time == ""


def test_a_refusal_has_its_time_too():
    assert status(WISH, Refused(ABOUT, "image-builder", "Bug", "b")).finish_time == "2026-01-01T00:00:02Z"


def test_a_foreign_message_is_cut_to_what_a_condition_holds():
    projected = status(WISH, Refused(ABOUT, "image-builder", "Bug", "x" * 900_000))
    assert [len(c.message) for c in projected.conditions] == [MESSAGE, MESSAGE]


# --- bytes -----------------------------------------------------------------------------------------------------------

BYTES = {
    "nothing is known before the plan": ((WISH, READY, SCAN), (), (0, 0, 0, 0), ("", "", "")),
    "the plan says the total": (ROAD, (), (4 * GiB, 0, 0, 0), ("0/4Gi (0%)", "", "")),
    "workers say how far they are": (
        ROAD,
        (reading("builder-sync.1-bb~1", "Working", bytes_done=GiB), reading("builder-sync.0-aa~1", "Working")),
        (4 * GiB, GiB, 0, 0),
        ("1/4Gi (25%)", "", ""),
    ),
    "no worker is further than its layer": (
        ROAD,
        (reading("builder-sync.1-bb~1", "Working", bytes_done=99 * GiB),),
        (4 * GiB, 3 * GiB, 0, 0),
        ("3/4Gi (75%)", "", ""),
    ),
    "a packed layer counts once, whatever its worker said last": (
        (*ROAD, PACKED),
        (reading("builder-sync.0-aa~1", "Working", bytes_done=GiB),),
        (4 * GiB, GiB, GiB, 0),
        ("1/4Gi (25%)", "1Gi", "0%"),
    ),
    "a lost layer counts from its next try": (
        (*ROAD, PACKED, LayerLost(ABOUT, "0-aa~1", "sha256:aa")),
        (
            reading("builder-sync.0-aa~1", "Working", bytes_done=GiB),
            reading("builder-sync.0-aa~2", "Working", bytes_done=GiB // 2),
        ),
        (4 * GiB, GiB // 2, 0, 0),
        ("0.5/4Gi (12%)", "", ""),
    ),
    "what was not sent is reused": (
        (*ROAD, LayerPacked(ABOUT, "1-bb~1", WEIGHT)),
        (),
        (4 * GiB, 3 * GiB, 0, 3 * GiB),
        ("3/4Gi (75%)", "0", "100%"),
    ),
    "an image adds up": (
        (*ROAD, PACKED, LayerPacked(ABOUT, "1-bb~1", WEIGHT), BUILT),
        (),
        (4 * GiB, 4 * GiB, GiB, 3 * GiB),
        ("4Gi", "1Gi", "75%"),
    ),
    "an image adds up from itself alone": ((WISH, BUILT), (), (4 * GiB, 4 * GiB, GiB, 3 * GiB), ("4Gi", "1Gi", "75%")),
}


@pytest.mark.parametrize(("facts", "readings", "numbers", "columns"), BYTES.values(), ids=BYTES.keys())
def test_bytes_and_columns(facts, readings, numbers, columns):
    got = status(*facts, readings=readings)
    assert (got.bytes_total, got.bytes_done, got.bytes_new, got.bytes_reused) == numbers
    assert (got.progress, got.new, got.reused) == columns


# --- memory ----------------------------------------------------------------------------------------------------------

DONE = status(*ROAD, BUILT)
FAILED = status(*ROAD, Refused(ABOUT, "image-builder", "TagTaken", "choose another"))


@pytest.mark.parametrize("before", [DONE, FAILED], ids=["Ready", "Failed"])
@pytest.mark.parametrize("facts", [(), (WISH,), (WISH, READY), ROAD], ids=["nothing", "a wish", "storage", "a plan"])
def test_after_the_bus_was_wiped_what_is_known_stays_known(before, facts):
    assert status(*facts, before=before) == before


@pytest.mark.parametrize("before", [DONE, FAILED], ids=["Ready", "Failed"])
def test_what_is_said_again_after_a_wipe_changes_nothing(before):
    end = BUILT if before is DONE else Refused(ABOUT, "image-builder", "TagTaken", "choose another")
    late = told(HELD, HELD, HELD, msgspec.structs.replace(WISH, known=before), end)
    assert project(late, before, "2027-01-01T00:00:00Z") == before


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(Refused(ABOUT, "image-builder", "TagTaken", "choose another"), id="a failure"),
        pytest.param(msgspec.structs.replace(BUILT, digest="sha256:22"), id="another image"),
    ],
)
def test_what_was_once_ready_is_not_told_otherwise_of_the_same_generation(end):
    assert status(*ROAD, end, before=DONE) == DONE
    assert status(*ROAD, end, Gone(ABOUT), before=DONE).phase == "Deleting"


def test_what_is_ready_while_it_is_deleted_keeps_its_image():
    going = status(*ROAD, BUILT, Gone(ABOUT), before=DONE)
    emptied = project(told(Gone(ABOUT)), going, NOW)
    assert (emptied.phase, emptied.digest, emptied.layers) == ("Deleting", DONE.digest, DONE.layers)


def test_what_failed_and_was_built_after_all_is_ready():
    assert status(*ROAD, BUILT, before=FAILED).phase == "Ready"


def test_a_retry_erases_no_success():
    failed = ABOUT.at(2)
    wish, end = msgspec.structs.replace(WISH, about=failed), Refused(failed, "image-builder", "TagTaken", "x")
    got = project(msgspec.structs.replace(told(WISH, BUILT, wish, end), about=failed), DONE, NOW)
    assert (got.phase, got.observed_generation) == ("Failed", 2)
    assert (got.image, got.digest, got.layers, got.built_generation) == ("m:v1", "sha256:11", (SMALL, WEIGHT), 1)


def test_a_retry_that_begins_is_no_longer_ready():
    again = ABOUT.at(2)
    facts = (WISH, BUILT, msgspec.structs.replace(WISH, about=again))
    got = project(msgspec.structs.replace(told(*facts), about=again), DONE, NOW)
    assert (got.phase, got.digest, got.progress, got.finish_time) == ("Provisioning", "sha256:11", "", "")
    assert says(got) == working("Provisioning", "waits for its storage")


def test_an_older_image_than_the_known_one_is_not_shown():
    known = msgspec.structs.replace(DONE, built_generation=3, digest="sha256:33", observed_generation=3)
    got = project(msgspec.structs.replace(told(WISH, BUILT), about=ABOUT.at(4)), known, NOW)
    assert (got.digest, got.built_generation) == ("sha256:33", 3)


def test_a_condition_keeps_the_time_since_when_it_is_so():
    first = status(WISH)
    assert {c.last_transition_time for c in first.conditions} == {NOW}
    later = project(told(*ROAD), first, "2026-01-01T01:00:00Z")
    assert [c.last_transition_time for c in later.conditions if c.type == "Ready"] == [NOW]
    ready = project(told(*ROAD, BUILT), later, "2026-01-01T02:00:00Z")
    assert [c.last_transition_time for c in ready.conditions if c.type == "Ready"] == ["2026-01-01T02:00:00Z"]
