"""What builder-sync does next, as sentences."""

from itertools import count

import msgspec
import pytest

from shale.builder_sync.decide import A_DAY, AGAIN, Find, Pack, Seen, decide
from shale.builder_sync.known import Blob, Busy, Known, is_to_be_proven
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
WEIGHTS = msgspec.structs.replace(PACK, layer=Layer("1-def", "model.safetensors", 2**24, files=FILES))
LAY = Blob("sha256:22", 2**24 + 1536)
PROVEN = next(
    job
    for job in (msgspec.structs.replace(WEIGHTS, about=msgspec.structs.replace(ABOUT, uid=f"u{n}")) for n in count())
    if is_to_be_proven(job, LAY)
)
BUSY = Busy("another", NOW + 90)
ELSEWHERE = Wait(
    "PackedElsewhere",
    "another worker packs the bytes of 'model.safetensors' just now: done once, they serve both",
    until=NOW + 90,
    again_in=AGAIN,
)
BLOB = PackedLayer("small", "small", "sha256:11", 2048, reused=True)

TABLE = {
    "lists what it is asked to list": (SCAN, Seen(), Do(SCAN)),
    "hashes a small layer before it sends it, as most of them are there": (
        PACK,
        Seen(),
        Do(Pack(PACK, hash_first=True)),
    ),
    "streams weights of which nothing is known, if the repository has none like them": (
        WEIGHTS,
        Seen(),
        Do(Pack(WEIGHTS, hash_first=False, may_lie=True)),
    ),
    "hashes first where a layer of that name and size was packed before": (
        WEIGHTS,
        Seen(known=Known(candidate=True)),
        Do(Pack(WEIGHTS, hash_first=True)),
    ),
    "looks for what a layer is known to be, and for where it could be mounted from": (
        WEIGHTS,
        Seen(known=Known(blob=LAY, places=("registry.example/other",), candidate=True)),
        Do(Find(WEIGHTS, LAY, ("registry.example/other",))),
    ),
    "looks for what is known though another worker packs it just now": (
        WEIGHTS,
        Seen(now=NOW, known=Known(blob=LAY, busy=BUSY)),
        Do(Find(WEIGHTS, LAY)),
    ),
    "streams what is known and nowhere, for its digest was looked for": (
        WEIGHTS,
        Seen(known=Known(blob=LAY, candidate=True), sought=True),
        Do(Pack(WEIGHTS, hash_first=False)),
    ),
    "reads one layer in 20 again though it is known": (
        PROVEN,
        Seen(known=Known(blob=LAY)),
        Do(Pack(PROVEN, hash_first=True)),
    ),
    "has what it reads again mounted all the same, if it is what was known": (
        PROVEN,
        Seen(known=Known(blob=LAY, places=("registry.example/other",))),
        Do(Pack(PROVEN, hash_first=True, places=("registry.example/other",))),
    ),
    "waits while another worker packs the same bytes": (WEIGHTS, Seen(now=NOW, known=Known(busy=BUSY)), ELSEWHERE),
    "waits while another worker packs what is known and nowhere": (
        WEIGHTS,
        Seen(now=NOW, known=Known(blob=LAY, busy=BUSY), sought=True),
        ELSEWHERE,
    ),
    "waits for nobody for ever": (
        WEIGHTS,
        Seen(now=BUSY.until, known=Known(busy=BUSY)),
        Do(Pack(WEIGHTS, hash_first=False, may_lie=True)),
    ),
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
