"""What builder-sync does next, as sentences."""

import pytest

from shale.builder_sync.decide import A_DAY, Seen, decide
from shale.builder_sync.results import AT_A_REGISTRY, AT_A_SOURCE, Listed, Refusal, Stall
from shale.contracts.about import About
from shale.contracts.artifact import File, Layer, PackedLayer, Small
from shale.contracts.facts import LayerPacked, Scanned
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.runtime.decision import Do, Done, Refuse, Wait

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
SCAN = ScanArtifact(ABOUT, "all~1", "file:///models/resnet")
READER = ScanArtifact(ABOUT, "all~1", "reader://shale-1.team-a.svc:7077/claim/1", title="claim weights, subPath r")
PACK = PackLayer(ABOUT, "0-abc~2", "file:///models/resnet", "registry.example/m", Layer("0-abc", "small", 9))
FILES, SMALL = (File("model.safetensors", 2**24),), (Small("config.json", "config.json", 1, 9, "sha256:00"),)
NOW = 1_800_000_000.0
BLOB = PackedLayer("small", "small", "sha256:11", 2048, reused=True)

TABLE = {
    "lists what it is asked to list": (SCAN, Seen(), Do(SCAN)),
    "packs what it is asked to pack": (PACK, Seen(), Do(PACK)),
    "says what was listed, under the part that was asked": (
        SCAN,
        Seen(Listed(FILES, SMALL)),
        Done((Scanned(ABOUT, "all~1", FILES, SMALL),)),
    ),
    "waits for what fills an empty source, and looks again": (
        SCAN,
        Seen(Listed((), ()), NOW),
        Wait(
            "EmptySource",
            "file:///models/resnet holds no files that include and exclude let through: "
            "put the weights there, or make a version with other globs",
            until=NOW + A_DAY,
            again_in=AT_A_SOURCE,
            stalled=True,
        ),
    ),
    "names an empty claim as its user does": (
        READER,
        Seen(Listed((), ()), NOW),
        Wait(
            "EmptySource",
            "claim weights, subPath r holds no files that include and exclude let through: "
            "put the weights there, or make a version with other globs",
            until=NOW + A_DAY,
            again_in=AT_A_SOURCE,
            stalled=True,
        ),
    ),
    "says which blob a layer became, under the try that was asked": (
        PACK,
        Seen(BLOB),
        Done((LayerPacked(ABOUT, "0-abc~2", BLOB),)),
    ),
    "waits for who mends a source that cannot be listed, and looks again": (
        SCAN,
        Seen(Stall("Unreadable", "a socket"), NOW),
        Wait("Unreadable", "a socket", until=NOW + A_DAY, again_in=AT_A_SOURCE, stalled=True),
    ),
    "waits for who lets it into the registry, and looks again": (
        PACK,
        Seen(Stall("SecretNotFound", "create it", AT_A_REGISTRY), NOW),
        Wait("SecretNotFound", "create it", until=NOW + A_DAY, again_in=AT_A_REGISTRY, stalled=True),
    ),
    "refuses a layer that is not what was listed, and names the cure": (
        PACK,
        Seen(Refusal("SourceChanged", "config.json")),
        Refuse("SourceChanged", "config.json: shale retry modelversion/mv-1 -n team-a"),
    ),
}


@pytest.mark.parametrize(("job", "seen", "decision"), TABLE.values(), ids=TABLE.keys())
def test_builder_sync(job, seen, decision):
    assert decide(job, seen) == decision


@pytest.mark.parametrize(("job", "result"), [(SCAN, BLOB), (PACK, Listed((), ()))], ids=["a blob", "a listing"])
def test_a_result_of_another_job_is_a_bug_and_says_so(job, result):
    with pytest.raises(TypeError, match=f"{type(result).__name__} is no result of {type(job).__name__}"):
        decide(job, Seen(result))
