"""What of the work on an object is still going on."""

import pytest

from shale.cli import traces
from shale.cli.traces import Found
from shale.contracts.artifact import PackedLayer
from shale.contracts.facts import ImageBuilt, LayerPacked, LayerRefused, Progressed, Refused
from shale.contracts.resources import ModelVersion, ModelVersionSpec
from shale.contracts.resources.meta import Metadata
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.told import Said, Told
from shale.testkit.toys import ABOUT, declared

PACKED = LayerPacked(ABOUT, "0-a~1", PackedLayer("w", "weight", "sha256:a", 1))


def told(*facts) -> Told:
    return Told(ABOUT, tuple(Said(fact, number) for number, fact in enumerate(facts, 1)))


@pytest.mark.parametrize(
    ("facts", "over"),
    [
        pytest.param((declared(),), False, id="a wish"),
        pytest.param((declared(), PACKED), False, id="a layer"),
        pytest.param((declared(), ImageBuilt(ABOUT, "i", "d", "m", ())), True, id="an image"),
        pytest.param((declared(), Refused(ABOUT, "x", "R", "m")), True, id="a refusal"),
        pytest.param((declared(), ImageBuilt(ABOUT.at(2), "i", "d", "m", ())), False, id="another generation's image"),
    ],
)
def test_a_generation_is_ended_by_its_image_or_its_refusal(facts, over):
    assert traces.ended(told(*facts)) is over


@pytest.mark.parametrize(
    ("part", "facts", "void"),
    [
        ("builder-sync.0-a~1", (), False),
        ("builder-sync.0-a~1", (PACKED,), True),
        ("builder-sync.0-a~1", (LayerRefused(ABOUT, "0-a~1", "R", "m"),), True),
        ("builder-sync.1-b~1", (PACKED,), False),
        ("image-builder", (PACKED,), False),
    ],
)
def test_a_reading_is_void_once_its_part_has_ended(part, facts, void):
    assert traces.is_void(Progressed(ABOUT, part, "Working"), told(*facts)) is void


def test_what_is_on_its_way_out_or_out_is_deleting():
    spec = ModelVersionSpec("x", "models/x", Storage(LocalStorage("/models/x", "here")))
    assert not Found(ABOUT, ModelVersion(Metadata(), spec)).deleting
    assert Found(ABOUT, ModelVersion(Metadata(deletion_timestamp="2026-01-01T00:00:00Z"), spec)).deleting
    assert Found(ABOUT, None).deleting
