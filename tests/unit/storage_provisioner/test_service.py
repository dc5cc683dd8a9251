from typing import Any

import pytest

from shale.contracts.about import About
from shale.contracts.facts import Declared, Released, StorageReady
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.beat import Beat
from shale.runtime.decision import Done, Wait
from shale.runtime.service import Woken
from shale.runtime.told import Said, Told
from shale.sources import roots
from shale.storage_provisioner.service import StorageProvisioner

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
SPEC = ModelVersionSpec("m", "registry.example/m", Storage(local_storage=LocalStorage("/models/late", "node-1")))
TOLD = Told(ABOUT, (Said(Declared(ABOUT, SPEC, "")),))


async def answer(service):
    return service.decide(Woken(ABOUT), await service.observe(Woken(ABOUT), TOLD))


async def test_a_folder_that_comes_late_heals_the_version(tmp_path):
    service = StorageProvisioner(roots.parse(f"/models={tmp_path}"))
    waits = await answer(service)
    assert isinstance(waits, Wait)
    assert waits.stalled
    (tmp_path / "late").mkdir()
    assert await answer(service) == Done((StorageReady(ABOUT, "file:///models/late"),))


async def test_it_holds_nothing_and_makes_nothing():
    service = StorageProvisioner(roots.parse(""))
    assert await service.release(ABOUT, TOLD) == Released(ABOUT.whole(), "storage-provisioner")
    nothing: Any = object()
    with pytest.raises(TypeError, match="asked to perform"):
        await service.perform(nothing, nothing, Beat())
