"""Layout `tensors` as image-builder sees it: whom it asks for what, and in which order the layers come."""

import msgspec

from shale.contracts.about import About
from shale.contracts.artifact import Checkpoint, File, PackedLayer, Small, Tile
from shale.contracts.facts import LayerLost, LayersPlanned, Scanned, StorageReady
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.image_builder.decide import decide
from shale.image_builder.seen import Claimed, Reached, Seen
from shale.runtime.decision import Ask, Do, Say
from shale.runtime.service import Woken

MiB = 2**20
ABOUT = About("modelversion", "team-a", "mv-1", "0a1b2c3d-4e5f-6789-abcd-ef0123456789", 1)
STORAGE = Storage(local_storage=LocalStorage("/models/resnet", "node-1"))
SPEC = ModelVersionSpec("resnet", "registry.example/models/resnet", STORAGE, layout="tensors")
CLAIMED = Seen(
    ABOUT,
    SPEC,
    1_800_000_000.0,
    held=True,
    wanted=True,
    storage=StorageReady(ABOUT, "file:///models/resnet"),
    reached=Reached(),
    tag=Claimed("v1"),
)
FILES = (File("adapter.safetensors", 16 * MiB),)
SMALL = (Small("config.json", "vocab.txt", 2, 1000, "sha256:00"),)
TILES = tuple(Tile(f"model-{kind}.safetensors", 17 * MiB, f"sha256:{kind}") for kind in ("down", "up"))
SHARDS = tuple(File(f"model-{number:05}-of-00200.safetensors", 5 * 10**9, 0o644, "7:1:1") for number in range(200))
CUT = Checkpoint("model.safetensors.index.json", SHARDS, 59, 10**10, tiles=TILES)
SCAN_CUT = Scanned(ABOUT, "all~1", FILES[:1], SMALL, (CUT,))


def but(seen, **changes):
    return msgspec.structs.replace(seen, **changes)


def asked(seen):
    """Return the jobs that it asks for."""
    asks = decide(Woken(ABOUT), seen)
    assert isinstance(asks, Do)
    assert isinstance(asks.effect, Ask)
    return asks.effect.jobs


def planned(scan) -> LayersPlanned:
    said = decide(Woken(ABOUT), but(CLAIMED, scan=scan))
    assert isinstance(said, Do)
    assert isinstance(said.effect, Say)
    (plan,) = said.effect.facts
    assert isinstance(plan, LayersPlanned)
    return plan


def test_who_lists_is_told_what_tiles_must_fit():
    (scan,) = asked(but(CLAIMED, host="ghcr.io"))
    assert isinstance(scan, ScanArtifact)
    assert (scan.layout, scan.max_layers, scan.max_layer_bytes) == ("tensors", 60, 10**10)


def test_small_runs_come_first_then_tiles_then_files():
    layers = planned(SCAN_CUT).layers
    assert [layer.tile for layer in layers] == [None, *TILES, None]
    assert (layers[0].small, layers[-1].files) == (SMALL[0], FILES[:1])


def test_a_tile_is_asked_for_with_what_it_is_cut_from_and_files_with_nothing():
    jobs = asked(but(CLAIMED, scan=SCAN_CUT, plan=planned(SCAN_CUT)))
    told = msgspec.structs.replace(CUT, tiles=())
    assert {job.layer.name: job.checkpoints for job in jobs if isinstance(job, PackLayer)} == {
        "small": (told,),
        **{tile.path: (told,) for tile in TILES},
        FILES[0].path: (),
    }


def test_a_layer_without_its_tile_is_lost_and_asked_for_again():
    """A worker of a former release knows no tiles, and packs an empty tar."""
    plan = planned(SCAN_CUT)
    there = {layer.part: PackedLayer(layer.name, "weight", "sha256:1", layer.size + 2048) for layer in plan.layers}
    there[plan.layers[1].part] = PackedLayer("", "small", "sha256:2", 1024)
    lost = decide(Woken(ABOUT), but(CLAIMED, scan=SCAN_CUT, plan=plan, packed=there))
    assert lost == Do(Say((LayerLost(ABOUT, f"{plan.layers[1].part}~1", "sha256:2"),)))


def test_what_is_told_of_200_shards_and_59_tiles_is_far_below_what_a_message_may_have():
    tiles = tuple(Tile(f"model-{'x' * 80}-{at}.safetensors", 10**9, "sha256:" + "0" * 64) for at in range(59))
    scan = Scanned(ABOUT, "all~1", (), SMALL, (msgspec.structs.replace(CUT, tiles=tiles),))
    plan = planned(scan)
    jobs = asked(but(CLAIMED, scan=scan, plan=plan))
    assert len(plan.layers) == 60
    assert max(len(msgspec.json.encode(one)) for one in (scan, plan, *jobs)) < 64 * 1024
