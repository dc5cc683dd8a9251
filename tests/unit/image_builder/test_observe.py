"""What was told, in image-builder's words."""

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.artifact import PackedLayer
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
from shale.contracts.resources import ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.meta import Condition
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.image_builder.observe import base, known, levels
from shale.image_builder.seen import Failed
from shale.runtime.told import Said, Told

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 2)
SPEC = ModelVersionSpec("resnet", "registry.example/m", Storage(local_storage=LocalStorage("/models", "node-1")))
WISH = Declared(ABOUT, SPEC, "")
BLOB, OTHER = (PackedLayer("small", "small", f"sha256:{one * 64}", 9) for one in "ab")
READY = ModelVersionStatus(
    observed_generation=2, phase="Ready", image="m:v1", digest="sha256:11", model_pack="m:v1-modelpack", layers=(BLOB,)
)
STALLED = Condition("Ready", "False", "TagTaken", "choose another")


def seen(*facts, asked=()):
    return levels(Told(ABOUT, tuple(Said(fact) for fact in (WISH, *facts)), frozenset(asked), now=7.0), "image-builder")


def test_nothing_but_the_wish():
    born = seen()
    assert (born.about, born.spec, born.now) == (ABOUT, SPEC, 7.0)
    assert not any((born.held, born.wanted, born.known, born.storage, born.scan, born.plan, born.refused, born.packed))


@pytest.mark.parametrize(
    ("field", "fact"),
    [
        ("storage", StorageReady(ABOUT, "file:///m")),
        ("scan", Scanned(ABOUT, "all~1", (), ())),
        ("plan", LayersPlanned(ABOUT, (), "v1")),
        ("refused", ScanRefused(ABOUT, "all~1", "Unreadable", "a socket")),
        ("refused", LayerRefused(ABOUT, "0-a~1", "SourceChanged", "changed")),
    ],
    ids=["storage", "scan", "plan", "a refused scan", "a refused layer"],
)
def test_facts_of_this_generation_are_seen_and_of_others_not(field, fact):
    assert getattr(seen(fact), field) == fact
    assert getattr(seen(msgspec.structs.replace(fact, about=ABOUT.at(1))), field) is None


def test_a_hold_is_for_all_generations_and_only_its_own():
    assert seen(Held(ABOUT.whole(), "image-builder")).held
    assert not seen(Held(ABOUT.whole(), "storage-provisioner")).held


def test_its_model_is_wanted():
    assert seen(Wanted(ABOUT, "model~resnet", "model", "resnet")).wanted


def test_jobs_in_hand_are_seen_by_their_parts():
    asked = {("pack-layer", "0-a~1"), ("scan-artifact", "all~1")}
    assert seen(asked=asked).asked == frozenset({"0-a~1", "all~1"})


def test_packed_layers_are_seen_by_the_part_of_the_plan():
    assert seen(LayerPacked(ABOUT, "0-a~1", BLOB)).packed == {"0-a": BLOB}


def test_a_lost_layer_is_not_packed_until_its_next_try_is():
    lost = (LayerPacked(ABOUT, "0-a~1", BLOB), LayerLost(ABOUT, "0-a~1", BLOB.digest))
    assert (seen(*lost).packed, seen(*lost).lost) == ({}, {"0-a": 1})
    again = seen(*lost, LayerPacked(ABOUT, "0-a~2", OTHER))
    assert (again.packed, again.lost) == ({"0-a": OTHER}, {"0-a": 1})


def test_losses_are_counted_by_the_part_of_the_plan():
    lost = [LayerLost(ABOUT, part, "sha256:11") for part in ("0-a~1", "0-a~2", "1-b~1")]
    assert seen(*lost).lost == {"0-a": 2, "1-b": 1}


def test_images_of_all_generations_are_announced():
    images = [ImageBuilt(ABOUT.at(number), "m:v1", f"sha256:{number}", "", ()) for number in (1, 2)]
    assert seen(*images).announced == frozenset({"sha256:1", "sha256:2"})


def test_the_part_of_the_plan_is_the_part_without_its_try():
    assert (base("0-abc~2"), base("0-abc")) == ("0-abc", "0-abc")


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (None, None),
        (READY, ImageBuilt(ABOUT, "m:v1", "sha256:11", "m:v1-modelpack", (BLOB,))),
        (msgspec.structs.replace(READY, phase="Failed", conditions=(STALLED,)), Failed("TagTaken", "choose another")),
        (msgspec.structs.replace(READY, phase="Packing"), None),
        (ModelVersionStatus(phase="Ready"), None),
        (ModelVersionStatus(phase="Failed"), None),
    ],
    ids=[
        "nothing is known",
        "an image is known",
        "a failure is known, though an older generation has an image",
        "work in progress is no end",
        "an image without a digest is no end",
        "a failure without a reason is no end",
    ],
)
def test_what_the_objects_own_status_knows(status, end):
    assert known(msgspec.structs.replace(WISH, known=status)) == end


def earlier(attempt=0, **changes):
    """Return the wish before this one, and its image."""
    spec = msgspec.structs.replace(SPEC, attempt=attempt, **changes)
    return Declared(ABOUT.at(1), spec, ""), ImageBuilt(ABOUT.at(1), "m:v1", "sha256:11", "m:v1-modelpack", (BLOB,))


def test_a_change_that_asks_for_no_new_build_finds_the_image_of_the_wish_before():
    again = seen(*earlier(deletion_policy="Delete")).known
    assert isinstance(again, ImageBuilt)
    assert (again.about, again.digest) == (ABOUT, "sha256:11")


def test_a_new_attempt_builds_anew():
    wish = Declared(ABOUT, msgspec.structs.replace(SPEC, attempt=1), "")
    told = Told(ABOUT, tuple(Said(fact) for fact in (wish, *earlier())))
    assert levels(told, "image-builder").known is None
