"""One object in sections, for whoever is on call."""

import datetime as dt

import msgspec

from shale.cli.portrait import Portrait, lines
from shale.cli.traces import Found, Moment
from shale.contracts.about import About
from shale.contracts.artifact import PackedLayer
from shale.contracts.facts import Gone, LayerPacked, Progressed, StorageReady
from shale.contracts.resources import ModelVersion, ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.meta import Condition, Metadata, OwnerReference
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.bus.deadletters import DeadLetter

NOW = dt.datetime(2026, 1, 1, 0, 1, tzinfo=dt.UTC)
ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
LAYER = PackedLayer("w.safetensors", "weight", "sha256:a", 4096, reused=True)
VERSION = ModelVersion(
    Metadata(
        name="mv-1",
        namespace="team-a",
        uid="uid-1",
        generation=1,
        creation_timestamp="2026-01-01T00:00:00Z",
        owner_references=(OwnerReference("shale.dev/v1alpha1", "Model", "x", "uid-x"),),
    ),
    ModelVersionSpec("x", "models/x", Storage(LocalStorage("/models/x", "here"))),
    ModelVersionStatus(
        phase="Packing",
        bytes_total=4096,
        layers=(LAYER,),
        conditions=(Condition("Ready", "False", "Packing", "1 of 2 layers packed", "2026-01-01T00:00:30Z"),),
    ),
)
MOMENTS = [
    Moment("2026-01-01T00:00:01Z", StorageReady(ABOUT, "file:///w")),
    Moment("2026-01-01T00:00:03.5Z", LayerPacked(ABOUT, "0-a~1", LAYER)),
]
LETTER = DeadLetter(7, "2026-01-01T00:00:50Z", "builder-sync", "Bug: boom", "SHALE_JOBS", 3, "shale.job.x.t.u.1.p", b"")
EMPTY = Portrait(Found(ABOUT, VERSION), [], [], {}, {}, [])


def text(portrait):
    return list(lines(portrait, NOW))


def test_who_it_is_comes_first_then_what_ails_it():
    said = text(EMPTY)
    assert said[0] == "modelversion team-a/mv-1"
    assert "  created     2026-01-01T00:00:00Z (1m ago)" in said
    assert "  owner       model x" in said
    assert said[said.index("Conditions:") + 1] == "  Ready  False  30s  Packing  1 of 2 layers packed"
    assert said.index("Conditions:") < said.index("Spec:") < said.index("Status:") < said.index("Layers:")


def test_spec_and_status_are_a_row_for_each_value():
    said = [line.split() for line in text(EMPTY)]
    assert ["storage.localStorage.path", "/models/x"] in said
    assert ["bytesTotal", "4096", "(4Ki)"] in said
    assert ["w.safetensors", "sha256:a", "4Ki", "reused"] in said
    assert not any(line and line[0].startswith(("conditions", "layers[")) for line in said)


def test_sections_without_anything_are_left_out():
    assert not {"Working:", "Held by:", "Left behind:", "Dead letters:", "Timeline:"} & set(text(EMPTY))


def test_the_timeline_says_what_was_told_and_how_long_it_took():
    said = text(msgspec.structs.replace(EMPTY, moments=MOMENTS))
    first, second = said[said.index("Timeline:") + 1 :]
    assert first.split() == ["2026-01-01T00:00:01Z", "#1", "StorageReady", "file:///w"]
    assert second.split()[:4] == ["2026-01-01T00:00:03.5Z", "+2.5s", "#1", "LayerPacked"]


def test_work_holders_leftovers_and_dead_letters_are_there_when_there_are_any():
    reading = Progressed(
        ABOUT, "builder-sync.0-a~1", "Retrying", "Transient", "busy", attempt=2, next_at=NOW.timestamp() + 8
    )
    said = text(
        msgspec.structs.replace(
            EMPTY,
            readings=[reading],
            holders={"image-builder": ("models/x:v1@sha256:i", "y")},
            left={"other": ("z",)},
            letters=[LETTER],
        )
    )
    assert "  builder-sync.0-a~1  Retrying, attempt 2  Transient: busy; again in 8s" in said
    assert "  image-builder  would leave models/x:v1@sha256:i; y" in said
    assert "  other  z" in said
    assert "  7  10s  job x p  by builder-sync: Bug: boom" in said


def test_what_is_gone_is_remembered():
    said = text(msgspec.structs.replace(EMPTY, found=Found(ABOUT, None), moments=[Moment("t", Gone(ABOUT))]))
    assert any("is not there any more" in line for line in said)
    assert "Spec:" not in said
    assert said[-1].split() == ["t", "#1", "Gone"]
