"""What the status says of a version that wished for tiles."""

import pytest

from shale.contracts.about import About
from shale.contracts.artifact import Checkpoint, PackedLayer
from shale.contracts.facts import Declared, ImageBuilt, LayersPlanned, Scanned
from shale.contracts.resources import ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.told import Said, Told
from shale.watcher.project import project

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
STORAGE = Storage(local_storage=LocalStorage("/models", "node-1"))
UNCUT = Scanned(ABOUT, "all~1", (), ())
CUT = Scanned(ABOUT, "all~1", (), (), (Checkpoint("model.safetensors.index.json", (), 59, 2**30),))
BUILT = ImageBuilt(ABOUT, "m:v1", "sha256:11", "m:v1-modelpack", (PackedLayer("small", "small", "sha256:aa", 1),))


def ready(*facts):
    said = tuple(Said(fact, number, "2026-01-01T00:00:01Z") for number, fact in enumerate(facts, 1))
    status = project(Told(ABOUT, said, now=1_800_000_000.0), ModelVersionStatus(), "2026-01-01T00:00:09Z")
    return next(one for one in status.conditions if one.type == "Ready")


def wish(layout, *, dry_run=False):
    return Declared(ABOUT, ModelVersionSpec("m", "r/m", STORAGE, layout=layout, dry_run=dry_run), "")


@pytest.mark.parametrize(
    ("layout", "scan", "said"),
    [
        pytest.param("tensors", UNCUT, True, id="nothing was there to cut"),
        pytest.param("tensors", CUT, False, id="something was cut"),
        pytest.param("files", UNCUT, False, id="nothing was to be cut"),
    ],
)
def test_who_wished_for_tiles_is_told_when_there_are_none(layout, scan, said):
    built = ready(wish(layout), scan, BUILT)
    assert (built.status, "packed as files: no safetensors" in built.message) == ("True", said)
    dry = ready(wish(layout, dry_run=True), scan, LayersPlanned(ABOUT, (), "v1"))
    assert (dry.reason, "packed as files: no safetensors" in dry.message) == ("DryRun", said)
