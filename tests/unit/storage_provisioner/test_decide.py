"""What storage-provisioner does next, as sentences."""

import pytest

from shale.contracts.about import About
from shale.contracts.facts import StorageReady
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.decision import Done, Wait
from shale.runtime.service import Woken
from shale.storage_provisioner.decide import A_DAY, LOOK_AGAIN, Seen, decide
from shale.storage_provisioner.problem import Problem

NOW = 1_800_000_000.0
ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
STORAGE = Storage(local_storage=LocalStorage("/models/resnet", "node-1"))
MISSING = Problem("SourceNotFound", "/models/resnet is not there: make it")

TABLE = {
    "says where the weights can be read": (
        Seen(ABOUT, STORAGE, NOW, settled=False, place="file:///models/resnet"),
        Done((StorageReady(ABOUT, "file:///models/resnet"),)),
    ),
    "waits, stalled with the cure, and looks again soon: a folder that appears sends no fact": (
        Seen(ABOUT, STORAGE, NOW, settled=False, place=MISSING),
        Wait("SourceNotFound", MISSING.message, until=NOW + A_DAY, again_in=LOOK_AGAIN, stalled=True),
    ),
    "does nothing for a generation that had its end": (
        Seen(ABOUT, STORAGE, NOW, settled=True, place=""),
        Done(),
    ),
    "does not even complain about one that had its end": (
        Seen(ABOUT, STORAGE, NOW, settled=True, place=MISSING),
        Done(),
    ),
}


@pytest.mark.parametrize(("seen", "decision"), TABLE.values(), ids=TABLE.keys())
def test_storage_provisioner(seen, decision):
    assert decide(Woken(ABOUT), seen) == decision
