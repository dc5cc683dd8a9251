"""What image-builder does next, as sentences: each row is what it sees and what it answers."""

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.artifact import File, Layer, PackedLayer, Small
from shale.contracts.facts import (
    ImageBuilt,
    LayerLost,
    LayerRefused,
    LayersPlanned,
    Scanned,
    ScanRefused,
    StorageReady,
    Wanted,
)
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.resources import ModelVersionSpec, Registry
from shale.contracts.resources.modelversion import LocalStorage, SecretRef, Storage
from shale.image_builder.decide import A_DAY, ANOTHER_TAG, LOOK_AGAIN, MAX_TRIES, WINDOW, decide
from shale.image_builder.seen import CheckAccess, Claimed, ClaimTag, Failed, PublishImage, Reached, Seen, Taken
from shale.oci.limits import limits_of
from shale.oci.plan import plan_layers
from shale.oci.refusal import NoAccess
from shale.runtime.decision import Ask, Do, Done, DropJobs, Hold, Refuse, Say, Wait
from shale.runtime.service import Woken

MiB, NOW = 2**20, 1_800_000_000.0
ABOUT = About("modelversion", "team-a", "mv-1", "0a1b2c3d-4e5f-6789-abcd-ef0123456789", 1)
REPO, URI = "registry.example/models/resnet", "file:///models/resnet"
SPEC = ModelVersionSpec("resnet", REPO, Storage(local_storage=LocalStorage("/models/resnet", "node-1")))
TAGGED = msgspec.structs.replace(SPEC, image_tag="v1")
DRY = msgspec.structs.replace(SPEC, dry_run=True)

FILES = tuple(File(f"model-{number}.safetensors", 16 * MiB + number) for number in range(9))
SMALL = (Small("config.json", "vocab.txt", 2, 1000, "sha256:00"),)
LAYERS = plan_layers(FILES, SMALL, limits_of("registry.example"))
assert isinstance(LAYERS, tuple)
PARTS = [layer.part for layer in LAYERS]
LARGEST_FIRST = sorted(LAYERS, key=lambda layer: -layer.size)
TAG = "v0a1b2"

STORAGE = StorageReady(ABOUT, URI)
READER = StorageReady(ABOUT, "reader://shale-1.team-a.svc:7077/claim/1", "claim weights, subPath resnet")
SCAN = Scanned(ABOUT, "all~1", FILES, SMALL)
PLAN = LayersPlanned(ABOUT, LAYERS, TAG)
IMAGE = ImageBuilt(ABOUT, f"{REPO}:{TAG}", "sha256:11", f"{REPO}:{TAG}-modelpack", ())

BORN = Seen(ABOUT, SPEC, NOW, held=True)
WANTED = msgspec.structs.replace(BORN, wanted=True)
PROVIDED = msgspec.structs.replace(WANTED, storage=STORAGE)
LET_IN = msgspec.structs.replace(PROVIDED, reached=Reached())
CLAIMED = msgspec.structs.replace(LET_IN, tag=Claimed(TAG))
SCANNED = msgspec.structs.replace(CLAIMED, scan=SCAN)
PLANNED = msgspec.structs.replace(SCANNED, plan=PLAN)


def but(seen, **changes):
    return msgspec.structs.replace(seen, **changes)


def blob(part):
    return PackedLayer(part, "weight", f"sha256:{PARTS.index(part):064}", 16 * MiB)


def packed(parts):
    return {part: blob(part) for part in parts}


def pack(layer: Layer, tried=1):
    return PackLayer(ABOUT, f"{layer.part}~{tried}", URI, REPO, layer)


def asked(layers):
    return frozenset(f"{layer.part}~1" for layer in layers)


ALL = packed(PARTS)
KEPT_OUT = NoAccess("SecretNotFound", "Secret team-a/push is not there: create it in the namespace team-a")
STALLED = Wait(KEPT_OUT.reason, KEPT_OUT.message, until=NOW + A_DAY, again_in=LOOK_AGAIN, stalled=True)
FREE_IT = "or free that tag, then shale retry modelversion/mv-1 -n team-a"
WANTS_MODEL = Do(Say((Wanted(ABOUT, "model~resnet", "model", "resnet"),)))
REFUSED = LayerRefused(ABOUT, f"{PARTS[1]}~1", "SourceChanged", "model-0 changed")
PUBLISH = Do(PublishImage(TAG, tuple((layer, blob(layer.part)) for layer in LAYERS)))

TABLE = {
    # birth
    "holds before anything else": (but(BORN, held=False), Do(Hold())),
    "holds before it says again what is known": (but(BORN, held=False, known=IMAGE), Do(Hold())),
    "holds before it refuses": (but(WANTED, held=False, refused=REFUSED), Do(Hold())),
    # memory
    "says a known image again without work": (but(BORN, known=IMAGE), Done((IMAGE,))),
    "says a known failure again without work": (but(BORN, known=Failed("TagTaken", "why")), Refuse("TagTaken", "why")),
    "does not want a model for what is known": (but(BORN, wanted=False, known=IMAGE), Done((IMAGE,))),
    "says the image that it just built": (but(PLANNED, packed=ALL, image=IMAGE), Done((IMAGE,))),
    # the model
    "asks for its model once": (BORN, WANTS_MODEL),
    "refuses a layout that it cannot pack": (
        but(BORN, spec=msgspec.structs.replace(SPEC, layout="tensors")),
        Refuse(
            "LayoutNotSupported", "layout: tensors is not packed by this release; make a version with layout: files"
        ),
    ),
    # the tag and the scan
    "waits for its storage": (WANTED, Wait("Provisioning", "waits for its storage", until=NOW + A_DAY)),
    "asks whether the registry lets it in before it claims anything": (PROVIDED, Do(CheckAccess())),
    "asks it for a dry run too": (but(PROVIDED, spec=DRY), Do(CheckAccess())),
    "does not ask while the source is listed": (
        but(PROVIDED, tag=Claimed(TAG), asked=frozenset({"all~1"})),
        Wait("Scanning", f"lists what lies at {URI}", until=NOW + A_DAY),
    ),
    "does not ask when the source is listed": (but(PROVIDED, tag=Claimed(TAG), scan=SCAN), Do(Say((PLAN,)))),
    "waits for who must let it in, and looks again": (but(PROVIDED, reached=KEPT_OUT), STALLED),
    "waits also when it is kept out at the very end": (but(PLANNED, packed=ALL, reached=KEPT_OUT), STALLED),
    "says the image that was built, whoever keeps it out now": (
        but(PLANNED, packed=ALL, image=IMAGE, reached=KEPT_OUT),
        Done((IMAGE,)),
    ),
    "claims a tag made from 5, 8 or 12 characters of its uid": (
        LET_IN,
        Do(ClaimTag(("v0a1b2", "v0a1b2c3d", "v0a1b2c3d4e5f"))),
    ),
    "claims exactly the tag that was named": (but(LET_IN, spec=TAGGED), Do(ClaimTag(("v1",)))),
    "refuses a tag that is somebody else's": (
        but(PROVIDED, spec=TAGGED, tag=Taken("v1", "is claimed by modelversion team-b/mv-9")),
        Refuse(
            "TagTaken",
            f"{REPO}:v1 is claimed by modelversion team-b/mv-9: {ANOTHER_TAG}; {FREE_IT}",
        ),
    ),
    "has the source listed": (CLAIMED, Do(Ask((ScanArtifact(ABOUT, "all~1", URI),)))),
    "has it listed with the globs of the spec": (
        but(CLAIMED, spec=msgspec.structs.replace(SPEC, include="*.bin", exclude="old*")),
        Do(Ask((ScanArtifact(ABOUT, "all~1", URI, "*.bin", "old*"),))),
    ),
    "has a reader's folder listed, and says how its user names it": (
        but(CLAIMED, storage=READER),
        Do(Ask((ScanArtifact(ABOUT, "all~1", READER.uri, title="claim weights, subPath resnet"),))),
    ),
    "waits for its listing in its user's words": (
        but(CLAIMED, storage=READER, asked=frozenset({"all~1"})),
        Wait("Scanning", "lists what lies at claim weights, subPath resnet", until=NOW + A_DAY),
    ),
    "has it listed once": (
        but(CLAIMED, asked=frozenset({"all~1"})),
        Wait("Scanning", f"lists what lies at {URI}", until=NOW + A_DAY),
    ),
    # the plan
    "says the plan, and the tag that is claimed": (SCANNED, Do(Say((PLAN,)))),
    "plans what is only small": (
        but(SCANNED, scan=Scanned(ABOUT, "all~1", (), SMALL)),
        Do(Say((LayersPlanned(ABOUT, LAYERS[:1], TAG),))),
    ),
    # a dry run
    "a dry run claims no tag": (but(LET_IN, spec=DRY), Do(Ask((ScanArtifact(ABOUT, "all~1", URI),)))),
    "a dry run says its plan with the tag that it would claim first": (
        but(PROVIDED, spec=DRY, scan=SCAN),
        Do(Say((PLAN,))),
    ),
    "a dry run ends with its plan": (but(PLANNED, spec=DRY), Done()),
    # layers
    "asks for at most 8 layers, the largest first": (
        PLANNED,
        Do(Ask(tuple(pack(layer) for layer in LARGEST_FIRST[:WINDOW]))),
    ),
    "fills the window up beside layers that are in hand": (
        but(PLANNED, asked=asked(LARGEST_FIRST[:6])),
        Do(Ask(tuple(pack(layer) for layer in LARGEST_FIRST[6:8]))),
    ),
    "asks for no more while 8 are in hand": (
        but(PLANNED, asked=asked(LARGEST_FIRST[:8])),
        Wait("Packing", "waits for its layers", until=NOW + A_DAY),
    ),
    "does not count a layer in hand that is packed already": (
        but(PLANNED, asked=asked(LARGEST_FIRST[:8]), packed=packed([LARGEST_FIRST[0].part])),
        Do(Ask((pack(LARGEST_FIRST[8]),))),
    ),
    "waits for the last layers": (
        but(PLANNED, asked=asked(LAYERS[:1]), packed=packed(PARTS[1:])),
        Wait("Packing", "waits for its layers", until=NOW + A_DAY),
    ),
    "asks again for a layer that is neither packed nor in hand": (
        but(PLANNED, packed=packed(PARTS[1:])),
        Do(Ask((pack(LAYERS[0]),))),
    ),
    "follows the plan that was said, not the one it would make": (
        but(PLANNED, plan=LayersPlanned(ABOUT, LAYERS[:2], TAG), packed=packed(PARTS[:1])),
        Do(Ask((pack(LAYERS[1]),))),
    ),
    # refusals of others
    "drops the other jobs before it refuses": (
        but(PLANNED, refused=REFUSED, asked=asked(LAYERS[2:4])),
        Do(DropJobs()),
    ),
    "refuses what a layer was refused for": (
        but(PLANNED, refused=REFUSED),
        Refuse("SourceChanged", "model-0 changed"),
    ),
    "refuses what the scan was refused for": (
        but(CLAIMED, refused=ScanRefused(ABOUT, "all~1", "Unreadable", "a socket")),
        Refuse("Unreadable", "a socket"),
    ),
    # publishing
    "publishes when all layers are there, in the order of the plan": (but(PLANNED, packed=ALL), PUBLISH),
    "says which layers the registry has lost": (
        but(PLANNED, packed=ALL, missing=(PARTS[3], PARTS[5])),
        Do(
            Say(
                tuple(LayerLost(ABOUT, f"{part}~1", blob(part).digest) for part in (PARTS[3], PARTS[5])),
            )
        ),
    ),
    "names the try that was lost": (
        but(PLANNED, packed=ALL, missing=(PARTS[3],), lost={PARTS[3]: 1}),
        Do(Say((LayerLost(ABOUT, f"{PARTS[3]}~2", blob(PARTS[3]).digest),))),
    ),
    "asks for a lost layer as another part": (
        but(PLANNED, packed=packed(PARTS[1:]), lost={PARTS[0]: 1}),
        Do(Ask((pack(LAYERS[0], tried=2),))),
    ),
    "refuses a layer that was lost three times": (
        but(PLANNED, packed=packed(PARTS[1:]), lost={PARTS[0]: MAX_TRIES}),
        Refuse(
            "LayerLost",
            "3 times small was pushed, and then not in the registry or of another size: "
            "does it collect garbage while we push, or is its disk damaged? When that is over, "
            "shale retry modelversion/mv-1 -n team-a",
        ),
    ),
    "publishes what was lost twice and is there now": (but(PLANNED, packed=ALL, lost={PARTS[0]: 2}), PUBLISH),
    "refuses when the tag turns out to be taken at the end": (
        but(PLANNED, packed=ALL, tag=Taken(TAG, "names other content already")),
        Refuse("TagTaken", f"{REPO}:{TAG} names other content already: {ANOTHER_TAG}; {FREE_IT}"),
    ),
    "names the tag beside when that one is taken": (
        but(PLANNED, packed=ALL, tag=Taken(f"{TAG}-modelpack", "names other content already")),
        Refuse(
            "TagTaken",
            f"{REPO}:{TAG}-modelpack names other content already: {ANOTHER_TAG}; {FREE_IT}",
        ),
    ),
}


@pytest.mark.parametrize(("seen", "decision"), TABLE.values(), ids=TABLE.keys())
def test_image_builder(seen, decision):
    assert decide(Woken(ABOUT), seen) == decision


def test_refuses_what_no_registry_takes():
    huge = Scanned(ABOUT, "all~1", (File("model.safetensors", 11 * 10**9),), SMALL)
    refused = decide(Woken(ABOUT), but(SCANNED, host="ghcr.io", scan=huge))
    assert isinstance(refused, Refuse)
    assert refused.reason == "LayerTooLarge"
    assert refused.message.endswith("; then shale retry modelversion/mv-1 -n team-a")


def test_a_job_carries_all_that_its_worker_needs():
    spec = msgspec.structs.replace(
        SPEC, include="*.bin", exclude="old*", push_secret_ref=SecretRef("push"), registry=Registry(insecure=True)
    )
    asks = decide(Woken(ABOUT), but(PLANNED, spec=spec))
    assert isinstance(asks, Do)
    job = asks.effect.jobs[0]
    assert (job.uri, job.repo, job.include, job.exclude) == (URI, REPO, "*.bin", "old*")
    assert (job.push_secret, job.registry) == ("push", Registry(insecure=True))


def test_every_part_is_asked_before_it_is_published():
    seen, steps = PLANNED, 0
    while isinstance(decision := decide(Woken(ABOUT), seen), Do) and isinstance(decision.effect, Ask):
        parts = [job.part.partition("~")[0] for job in decision.effect.jobs]
        seen, steps = but(seen, packed={**seen.packed, **packed(parts)}), steps + 1
    assert (decision, steps) == (PUBLISH, 2)


def test_made_up_tags_obey_the_rules_of_named_ones():
    claim = decide(Woken(ABOUT), LET_IN)
    assert isinstance(claim, Do)
    assert all(len(tag) <= 116 and not tag.endswith("-modelpack") for tag in claim.effect.candidates)


def test_a_plan_that_no_message_can_carry_is_refused_and_told_how_to_mend():
    """A layer names its first file twice, so the listing fits and the plan does not."""
    files = tuple(File(f"{number}{'x' * 4080}", 16 * MiB, 0o644, "v") for number in range(195))
    decision = decide(Woken(ABOUT), but(SCANNED, scan=Scanned(ABOUT, "all~1", files, SMALL)))
    assert isinstance(decision, Refuse)
    assert decision.reason == "TooManyFiles"
    assert "exclude" in decision.message
    assert len(msgspec.json.encode(Scanned(ABOUT, "all~1", files, SMALL))) < 800 * 1024
