"""What an object leaves behind, by name."""

import pytest

from shale.cli import leftovers
from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.facts import Declared, Held, ImageBuilt, LayerPacked, LayersPlanned, Released
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.told import Said, Told

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
SPEC = ModelVersionSpec("x", "models/x", Storage(LocalStorage("/models/x", "here")))
WISH = Declared(ABOUT, SPEC, "2026-01-01T00:00:00Z")
PLAN = LayersPlanned(ABOUT, (Layer("0-a~1", "w", 1),), "v1")
BUILT = ImageBuilt(ABOUT, "models/x:v1", "sha256:i", "models/x:v1-modelpack", ())
CLAIM = "the claim on models/x:v1 (free for whoever asks next)"
WHOLE = ABOUT.whole()


def told(*facts) -> Told:
    return Told(ABOUT, tuple(Said(fact, number) for number, fact in enumerate(facts, 1)))


def packed(number):
    return LayerPacked(ABOUT, f"{number}-a~1", PackedLayer("w", "weight", f"sha256:{number}", 1))


@pytest.mark.parametrize(
    ("facts", "left"),
    [
        pytest.param((WISH,), (), id="nothing before the plan"),
        pytest.param((WISH, PLAN), (CLAIM,), id="a claimed tag"),
        pytest.param((WISH, PLAN, packed(1)), ("the blob models/x@sha256:1", CLAIM), id="layers without an image"),
        pytest.param((WISH, PLAN, packed(1), BUILT), ("models/x:v1@sha256:i", CLAIM), id="an image"),
    ],
)
def test_what_an_absent_image_builder_leaves(facts, left):
    assert leftovers.would_leave("image-builder", told(*facts)) == left


def test_every_image_of_every_generation_is_named_once():
    later = ImageBuilt(ABOUT.at(2), "models/x:v1", "sha256:j", "m", ())
    same = ImageBuilt(ABOUT.at(3), "models/x:v1", "sha256:j", "m", ())
    left = leftovers.would_leave("image-builder", told(WISH, BUILT, later, same))
    assert left == ("models/x:v1@sha256:i", "models/x:v1@sha256:j")


def test_many_blobs_are_counted_beyond_what_a_line_holds():
    left = leftovers.would_leave("image-builder", told(WISH, *map(packed, range(leftovers.MOST + 3))))
    assert len(left) == leftovers.MOST + 1
    assert left[-1] == "3 more blobs of models/x"


def test_a_volume_and_what_strangers_made_are_named():
    assert leftovers.would_leave("storage-provisioner", told(WISH))[0].startswith("persistentvolume shale-uid-1")
    assert "serving-deployer" in leftovers.would_leave("serving-deployer", told(WISH))[0]


def test_what_was_left_is_what_the_released_said():
    facts = [Held(WHOLE, "a"), Held(WHOLE, "b"), Released(WHOLE, "a", ("x", "y")), Released(WHOLE, "b")]
    assert leftovers.were_left(facts) == {"a": ("x", "y")}
    assert leftovers.all_released(facts)
    assert not leftovers.all_released(facts[:-1])
