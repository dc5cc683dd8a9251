"""What becomes of the place of an upload, as the packer ends."""

from contextlib import nullcontext

import pytest

from shale.builder_sync.places import Keeper
from shale.contracts.errors import Transient
from shale.oci.layout import Layout
from shale.oci.refusal import NoAccess, Refused
from shale.runtime.beat import Stopped


class Kept(Keeper):
    """Who keeps a place, as the packer sees it."""

    def __init__(self):
        self.said = []

    def take(self):
        return "a place"

    def moved(self, upload):
        assert not upload.place()

    def leave(self, upload, *, stopped):
        self.said.append(("left", upload.place(), stopped))

    def forget(self):
        self.said.append("forgotten")


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        pytest.param(None, ["forgotten"], id="it is published"),
        pytest.param(Stopped(), [("left", "", True)], id="it is stopped"),
        pytest.param(Transient("x"), [("left", "", False)], id="it fails for now"),
        pytest.param(TypeError("x"), ["forgotten"], id="it fails for good"),
    ],
)
def test_what_becomes_of_a_place(world, raised, said):
    told, kept = [], Kept()

    def fail_at(done):
        told.append(done)
        if raised and len(told) == (25 if world.hash_first else 9):
            raise raised

    with pytest.raises(type(raised)) if raised else nullcontext():
        world.pack(world.jobs()[1], fail_at, lambda *_: kept)
    assert kept.said == said


def test_a_place_to_which_nobody_is_let_is_forgotten(world):
    class Strict(Layout):
        def upload(self, repo, known=None, place=""):
            raise Refused(NoAccess("Untrusted", f"{place} in {repo} leads elsewhere, for {known}"))

    world.registry, kept = Strict(world.store), Kept()
    with pytest.raises(Refused):
        world.pack(world.jobs()[1], print, lambda *_: kept)
    assert kept.said == ["forgotten"]
