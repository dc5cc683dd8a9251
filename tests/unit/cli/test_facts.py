"""Every fact has its line."""

import pytest

from shale.cli.facts import describe
from shale.contracts.about import About
from shale.contracts.artifact import Checkpoint, File, Layer, PackedLayer, Small, Tile
from shale.contracts.facts import (
    MILESTONES,
    READINGS,
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
    Wanted,
)
from shale.contracts.resources import ModelSpec, ModelStatus

ABOUT = About("modelversion", "team-a", "mv-3", "u1", 1)
TILE = Tile("t.safetensors", 17 << 20, "sha256:1")
PACKED = PackedLayer("model.safetensors", "weight", "sha256:1", 90_870_272)
REUSED = PackedLayer("small", "small", "sha256:2", 762_880, reused=True)
LINES = [
    (Declared(ABOUT, ModelSpec(), "2026-11-20T12:00:00Z"), "Declared"),
    (Declared(ABOUT, ModelSpec(), "t", ModelStatus(phase="Ready")), "Declared  known as Ready"),
    (Gone(ABOUT), "Gone"),
    (Held(ABOUT, "image-builder"), "Held  by image-builder"),
    (Released(ABOUT, "image-builder"), "Released  by image-builder"),
    (Released(ABOUT, "image-builder", ("models/x:v1",)), "Released  by image-builder, left: models/x:v1"),
    (Refused(ABOUT, "image-builder", "TagTaken", "v1 is taken"), "Refused  TagTaken: v1 is taken"),
    (Wanted(ABOUT, "model~x", "model", "x"), "Wanted  model x"),
    (StorageReady(ABOUT, "file:///models/x"), "StorageReady  file:///models/x"),
    (
        Scanned(ABOUT, "all", (File("w", 1 << 30),), (Small("a", "b", 12, 1 << 20, "d"),)),
        "Scanned  1 large file, 12 small entries, 1Gi",
    ),
    (
        Scanned(ABOUT, "all", (), (Small("a", "b", 1, 1 << 20, "d"),), (Checkpoint("i", (), 59, 1, tiles=(TILE,)),)),
        "Scanned  0 large files, 1 tile, 1 small entry, 18Mi",
    ),
    (ScanRefused(ABOUT, "all", "EmptySource", "no files"), "ScanRefused  EmptySource: no files"),
    (LayersPlanned(ABOUT, (Layer("0-a", "w", 1 << 20),), "v1"), "LayersPlanned  1 layer, 1Mi, tag v1"),
    (LayerPacked(ABOUT, "1-a", PACKED), "LayerPacked  model.safetensors, 86.7Mi new"),
    (LayerPacked(ABOUT, "0-a", REUSED), "LayerPacked  small, 745Ki reused"),
    (LayerRefused(ABOUT, "0-a", "SourceChanged", "w moved"), "LayerRefused  SourceChanged: w moved"),
    (LayerLost(ABOUT, "0-a", "sha256:1"), "LayerLost  sha256:1"),
    (
        ImageBuilt(ABOUT, "models/x:v1", "sha256:9", "models/x:v1-modelpack", (REUSED, PACKED)),
        "ImageBuilt  models/x:v1@sha256:9, 86.7Mi new, 745Ki reused",
    ),
    (Progressed(ABOUT, "builder-sync.0-a", "Working", bytes_done=1 << 20), "Progressed  builder-sync.0-a Working 1Mi"),
    (Progressed(ABOUT, "x", "Waiting", "Packing", "for layers"), "Progressed  x Waiting Packing: for layers"),
]


@pytest.mark.parametrize(("fact", "line"), LINES, ids=[line for _, line in LINES])
def test_a_fact_is_one_line_that_names_its_object(fact, line):
    assert describe(fact).startswith(f"modelversion team-a/mv-3 #1  {line}")


def test_what_is_about_the_whole_object_names_no_generation():
    assert describe(Held(ABOUT.whole(), "x")).startswith("modelversion team-a/mv-3  Held")


def test_every_fact_there_is_has_a_line_here():
    assert {type(fact) for fact, _ in LINES} == {*MILESTONES, *READINGS}
