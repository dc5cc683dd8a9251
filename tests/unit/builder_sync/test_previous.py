"""What a repository holds of versions before, and how often it is asked."""

import pytest

from shale.builder_sync.previous import MOST, Previous
from shale.contracts.about import About
from shale.contracts.artifact import File, Layer
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer
from shale.oci.layout import Layout
from shale.testkit.images import publish

REPO = "models/x"


class Counted(Layout):
    """A registry that counts how often its tags are listed, and may be busy."""

    listed, busy = 0, False

    def tags(self, repo):
        self.listed += 1
        if self.busy:
            raise Transient("busy")
        return super().tags(repo)


@pytest.fixture
def registry(tmp_path):
    return Counted(tmp_path)


def weights(name, size, uid="uid"):
    layer = Layer("0-a", name, size, (File(name, size, version="1:2:3"),))
    return PackLayer(About("modelversion", "team", "mv", uid, 1), "0-a~1", "file:///w", REPO, layer)


@pytest.mark.parametrize(
    ("layer", "known"),
    [
        pytest.param(weights("model.bin", 700), True, id="the same"),
        pytest.param(weights("model.bin", 7000), False, id="of another size"),
        pytest.param(weights("other.bin", 700), False, id="of another name"),
    ],
)
def test_a_layer_is_known_by_its_name_and_size(registry, layer, known):
    publish(registry, REPO, "v1", {"config.json": b"{}"}, weights={"model.bin": b"w" * 700})
    assert Previous().has(registry, layer) is known


def test_only_the_last_versions_are_looked_at(registry):
    for number in range(1, 12):
        publish(registry, REPO, f"v{number}", {"config.json": b"{}"}, weights={"model.bin": b"w" * 20_000 * number})
    known = [number for number in range(1, 12) if Previous().has(registry, weights("model.bin", 20_000 * number))]
    assert known == [*range(12 - MOST, 12)], "v9 before v10"


def test_the_layers_of_one_version_ask_once(registry):
    previous = Previous()
    assert not previous.has(registry, weights("model.bin", 700))
    publish(registry, REPO, "v1", {"config.json": b"{}"}, weights={"model.bin": b"w" * 700})
    assert not previous.has(registry, weights("model.bin", 700))
    assert registry.listed == 1
    assert previous.has(registry, weights("model.bin", 700, "of the next version"))


def test_who_cannot_be_asked_holds_nothing(registry):
    registry.busy = True
    assert not Previous().has(registry, weights("model.bin", 700))
