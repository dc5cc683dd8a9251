import random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.contracts.artifact import PackedLayer
from shale.contracts.resources import Model, ModelStatus, ModelVersion, ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.meta import Metadata
from shale.contracts.resources.model import LatestVersion, VersionRow
from shale.contracts.resources.modelversion import LocalStorage, Phase, Storage
from shale.watcher.catalogue import MOST, catalogue

NOW = "2026-01-01T12:00:00Z"
SPEC = ModelVersionSpec("resnet", "registry.example/m", Storage(local_storage=LocalStorage("/models", "node-1")))
MODEL = Model(Metadata(name="resnet", namespace="team-a", uid="uid-m", generation=4))
LAYERS = (PackedLayer("small", "small", "sha256:aa", 10), PackedLayer("a", "weight", "sha256:bb", 32))


def version(name, second=0, digest="", phase: Phase | Literal[""] = "", *, deleting="", layers=()):
    made = f"2026-01-01T00:00:{second:02}Z"
    meta = Metadata(name=name, namespace="team-a", creation_timestamp=made, deletion_timestamp=deleting)
    status = ModelVersionStatus(phase=phase, image=f"m:{name}", digest=digest, layers=layers)
    return ModelVersion(meta, SPEC, status)


def latest(*versions):
    found = catalogue(MODEL, versions, NOW).latest_version
    return found.model_version if found else None


def test_a_model_without_versions_is_ready_and_empty():
    status = catalogue(MODEL, (), NOW)
    assert (status.phase, status.observed_generation, status.versions, status.versions_total) == ("Ready", 4, (), 0)
    assert [(c.type, c.status, c.message) for c in status.conditions] == [("Ready", "True", "0 versions")]


def test_versions_are_listed_newest_first():
    status = catalogue(MODEL, [version("a", 1), version("c", 2, "sha256:c", "Ready", layers=LAYERS)], NOW)
    assert status.versions == (VersionRow("c", "c", "Ready", 42), VersionRow("a", "a", "Pending", 0))
    assert status.latest_version == LatestVersion("c", "m:c", "sha256:c")


@pytest.mark.parametrize(
    ("versions", "name"),
    [
        ([version("a", 1, "sha256:a"), version("b", 2, "sha256:b")], "b"),
        ([version("a", 1, "sha256:a"), version("b", 1, "sha256:b")], "b"),
        ([version("a", 1, "sha256:a"), version("b", 2)], "a"),
        ([version("a", 1, "sha256:a"), version("b", 2, "sha256:b", deleting=NOW)], "a"),
        ([version("a", 1, "sha256:a"), version("b", 2, "sha256:b", phase="Failed")], "b"),
        ([version("a", 1)], None),
    ],
    ids=[
        "the newest",
        "of two of one second the greater name",
        "not one that has no digest yet",
        "not one that is being deleted",
        "one whose retry failed still has its image",
        "none",
    ],
)
def test_the_latest_version_is(versions, name):
    assert latest(*versions) == name


def test_a_long_list_is_cut_and_counted():
    status = catalogue(MODEL, [version(f"v-{number:03}", number % 60) for number in range(MOST + 5)], NOW)
    assert (len(status.versions), status.versions_total) == (MOST, MOST + 5)
    assert [c.message for c in status.conditions] == ["105 versions"]


def test_one_version_is_one_version():
    assert [c.message for c in catalogue(MODEL, [version("a")], NOW).conditions] == ["1 version"]


names = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3), st.booleans()), unique_by=lambda one: one[0])


@given(names, st.randoms(use_true_random=False))
def test_the_order_of_the_cache_does_not_matter(drawn, chance: random.Random):
    versions = [version(name, second, f"sha256:{name}" if built else "") for name, second, built in drawn]
    once = catalogue(MODEL, versions, NOW)
    chance.shuffle(versions)
    assert catalogue(MODEL, versions, NOW) == once


def test_the_same_again_changes_nothing():
    once = catalogue(MODEL, [version("a")], NOW)
    written = Model(MODEL.metadata, status=once)
    assert catalogue(written, [version("a")], "2027-01-01T00:00:00Z") == once != ModelStatus()
