"""What builder-sync does next, as sentences."""

import pytest

from shale.builder_sync.decide import Seen, decide
from shale.builder_sync.results import Listed, Refusal
from shale.contracts.about import About
from shale.contracts.artifact import File, Layer, PackedLayer, Small
from shale.contracts.facts import LayerPacked, Scanned
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.runtime.decision import Do, Done, Refuse

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
SCAN = ScanArtifact(ABOUT, "all~1", "file:///models/resnet")
PACK = PackLayer(ABOUT, "0-abc~2", "file:///models/resnet", "registry.example/m", Layer("0-abc", "small", 9))
FILES, SMALL = (File("model.safetensors", 2**24),), (Small("config.json", "config.json", 1, 9, "sha256:00"),)
BLOB = PackedLayer("small", "small", "sha256:11", 2048, reused=True)

TABLE = {
    "lists what it is asked to list": (SCAN, Seen(), Do(SCAN)),
    "packs what it is asked to pack": (PACK, Seen(), Do(PACK)),
    "says what was listed, under the part that was asked": (
        SCAN,
        Seen(Listed(FILES, SMALL)),
        Done((Scanned(ABOUT, "all~1", FILES, SMALL),)),
    ),
    "says that nothing was listed": (SCAN, Seen(Listed((), ())), Done((Scanned(ABOUT, "all~1", (), ()),))),
    "says which blob a layer became, under the try that was asked": (
        PACK,
        Seen(BLOB),
        Done((LayerPacked(ABOUT, "0-abc~2", BLOB),)),
    ),
    "refuses a source that cannot be listed": (
        SCAN,
        Seen(Refusal("Unreadable", "a socket")),
        Refuse("Unreadable", "a socket"),
    ),
    "refuses a layer that changed": (
        PACK,
        Seen(Refusal("SourceChanged", "config.json")),
        Refuse("SourceChanged", "config.json"),
    ),
}


@pytest.mark.parametrize(("job", "seen", "decision"), TABLE.values(), ids=TABLE.keys())
def test_builder_sync(job, seen, decision):
    assert decide(job, seen) == decision


@pytest.mark.parametrize(("job", "result"), [(SCAN, BLOB), (PACK, Listed((), ()))], ids=["a blob", "a listing"])
def test_a_result_of_another_job_is_a_bug_and_says_so(job, result):
    with pytest.raises(TypeError, match=f"{type(result).__name__} is no result of {type(job).__name__}"):
        decide(job, Seen(result))
