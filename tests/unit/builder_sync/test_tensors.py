"""Layout `tensors`, from a folder to layers: cut, packed, unpacked, and loaded by who knows nothing of it."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from shale.builder_sync.cutting import ORIGINALS, TILES
from shale.builder_sync.pack import scan_source
from shale.builder_sync.results import Listed, Refusal, Stall
from shale.contracts.artifact import PackedLayer
from shale.oci.limits import Limits
from shale.testkit import shards
from shale.testkit.checkpoints import tensor
from shale.testkit.shards import INDEX, data_of
from shale.testkit.tensorworld import BLOCKS, LIMITS, TensorWorld, model
from shale.weights import index as indexes
from shale.weights import safetensors


@pytest.fixture
def world(tmp_path):
    return TensorWorld(tmp_path)


def loaded(folder, name=INDEX):
    """Return the bytes of each tensor that the index names, read by the library."""
    where = msgspec.json.decode((folder / name).read_bytes())["weight_map"]
    found = {}
    for file in sorted(set(where.values())):
        with safe_open(folder / file, "np") as opened:
            found |= {key: opened.get_tensor(key).tobytes() for key in opened.keys() if where.get(key) == file}  # noqa: SIM118
    return found


def plain(tensors):
    """Return the tensors in types that numpy has."""
    return [one if one.dtype != "BF16" else tensor(one.name, *one.shape, dtype="F16") for one in tensors]


def test_a_model_is_unpacked_as_tiles_that_hold_the_same_tensors(world, tmp_path):
    tensors = plain(model())
    files = world.deal(tensors, 4)
    world.write("config.json", b"{}")
    layers = world.packed()
    assert list(layers) == [
        "small",
        "model-model.layers-mlp.up_proj-000-003.safetensors",
        "model-model.layers-self_attn.q_proj-000-003.safetensors",
        *[name for name in layers if name.startswith("model-rest-")],
    ]
    assert {one.role for name, one in layers.items() if name != "small"} == {"weight"}
    out = world.unpacked(layers, tmp_path / "out")
    assert loaded(out) == {one.name: data_of(one) for one in tensors}
    assert {path.name for path in out.iterdir()} == {*layers, INDEX, "config.json", ".shale"} - {"small"}
    for name, data in files.items():
        kept = (out / ORIGINALS / name).read_bytes()
        assert kept == (data if name == INDEX else data[: safetensors.length(data, len(data))])


def test_a_lone_file_gets_an_index_and_keeps_its_header_and_mode(world, tmp_path):
    tensors = plain(model())
    data = shards.shard(tensors, format="pt", note="x" * 100)
    world.write("model.safetensors", data)
    (world.folder / "model.safetensors").chmod(0o755)
    out = world.unpacked(world.packed(), tmp_path / "out")
    assert not (out / "model.safetensors").exists()
    assert loaded(out) == {one.name: data_of(one) for one in tensors}
    kept = out / ORIGINALS / "model.safetensors"
    assert kept.read_bytes() == data[: kept.stat().st_size]
    assert kept.stat().st_mode & 0o777 == 0o755


def test_the_same_tensors_in_other_shards_are_the_same_tiles(world):
    world.deal(model(), 4)
    before = world.packed()
    world.deal(model()[::-1], 7)
    after = world.packed()
    changed = {name for name, layer in after.items() if before[name].digest != layer.digest}
    assert (before.keys(), changed) == (after.keys(), {"small"})


def test_shards_that_would_lie_in_the_small_layer_give_the_same_tiles(world):
    """Shards of 15 MiB (sparse): they would fill four small layers, and none is one, for they are cut."""

    def lay(each):
        for path in world.folder.glob("model*"):
            path.unlink()
        names = [f"model.layers.{block}.mlp.{kind}.weight" for kind in "abcdefg" for block in range(32)]
        names, where = [*names, "model.norm.weight"], {}
        for at in range(0, len(names), each):
            held = safetensors.arrange([tensor(name, 15 << 20, dtype="U8") for name in names[at : at + each]])
            header, file = safetensors.write(held, {}), f"model-{at:05}.safetensors"
            with (world.folder / file).open("wb") as shard:
                shard.write(header)
                shard.truncate(len(header) + held[-1].end)
            where |= dict.fromkeys((one.name for one in held), file)
        (world.folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": where}))
        found = world.scan(LIMITS)
        assert isinstance(found, Listed)
        return [tile.path for one in found.checkpoints for tile in one.tiles]

    assert lay(1) == lay(32)


def test_only_the_tiles_of_what_changed_are_new(world):
    world.deal(model(), 4)
    before = world.packed()
    world.deal(model(), 4, {f"model.layers.{block}.mlp.up_proj.weight": 7 for block in range(BLOCKS)})
    after = world.packed()
    assert [name for name in after if before[name].digest != after[name].digest] == [
        "model-model.layers-mlp.up_proj-000-003.safetensors"
    ]


def test_two_checkpoints_of_one_folder_are_cut_each_for_itself(world, tmp_path):
    tensors = plain(model())
    world.deal(tensors, 2)
    world.write("diffusion_pytorch_model.safetensors", shards.shard(tensors, {one.name: 1 for one in tensors}))
    layers = world.packed()
    out = world.unpacked(layers, tmp_path / "out")
    assert loaded(out) == {one.name: data_of(one) for one in tensors}
    assert loaded(out, f"diffusion_pytorch_model{indexes.SUFFIX}") == {one.name: data_of(one, 1) for one in tensors}


def test_what_belongs_to_no_checkpoint_stays_as_it_is(world, tmp_path):
    world.deal(model(), 2)
    adapter = shards.shard([tensor("lora", 10_000_000)])
    world.write("adapter.safetensors", adapter)
    world.write("small/model.safetensors", shards.shard([tensor("a", 10)]))
    layers = world.packed()
    assert list(layers)[-1] == "adapter.safetensors"
    out = world.unpacked(layers, tmp_path / "out")
    assert (out / "adapter.safetensors").read_bytes() == adapter
    assert (out / "small" / "model.safetensors").exists()


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"model.gguf": bytes(17 << 20)}, id="another format"),
        pytest.param({"model.safetensors": shards.shard([tensor("a", 100)])}, id="a checkpoint under 16 MiB"),
    ],
)
def test_a_model_without_a_checkpoint_is_packed_as_files(world, files):
    for name, data in files.items():
        world.write(name, data)
    assert world.scan() == scan_source(world.source)


def test_the_originals_of_another_cut_stay_behind(world, tmp_path):
    tensors = plain(model())
    world.deal(tensors, 3)
    first = world.unpacked(world.packed(), tmp_path / "first")
    again = TensorWorld(tmp_path / "again")
    again.folder.rmdir()
    first.rename(again.folder)
    layers = again.packed()
    out = again.unpacked(layers, tmp_path / "second")
    assert loaded(out) == {one.name: data_of(one) for one in tensors}
    kept = {path.name for path in (out / ORIGINALS).iterdir()}
    cut = sorted(name for name in layers if name != "small")
    assert kept == {INDEX, f"{INDEX}{TILES}", *cut}
    assert json.loads((out / ORIGINALS / f"{INDEX}{TILES}").read_bytes()) == {"tiles": cut}


def broken(world):
    world.write("model-00001-of-00002.safetensors", (99).to_bytes(8, "little") + b"[" + bytes(17 << 20))


def huge(world):
    world.write("model-00001-of-00002.safetensors", (17 << 20).to_bytes(8, "little") + bytes(18 << 20))


@pytest.mark.parametrize(
    ("spoil", "reason", "words"),
    [
        pytest.param(broken, "BrokenHeader", ("'model-00001-of-00002.safetensors' in", "at byte 8", "{"), id="broken"),
        pytest.param(huge, "HeadersTooLarge", ("model-00001-of-00002.safetensors",), id="a header of 17 MiB"),
        pytest.param(
            lambda world: (world.folder / "model-00002-of-00002.safetensors").unlink(),
            "ShardMissing",
            ("model-00002-of-00002.safetensors", "layout: files"),
            id="a shard that is missing",
        ),
        pytest.param(lambda world: world.write(INDEX, b"{}"), "IndexWrong", (INDEX,), id="an index of nothing"),
        pytest.param(
            lambda world: (world.folder / "latest.safetensors").symlink_to("model-00001-of-00002.safetensors"),
            "LinkToShard",
            ("'latest.safetensors'", "exclude"),
            id="a link to a shard",
        ),
        pytest.param(lambda world: world.write(".shale", b""), "NameTaken", ("'.shale'",), id="a file named .shale"),
        pytest.param(
            lambda world: world.write("model-model.layers-mlp.up_proj-000-003.safetensors", b"x"),
            "NameTaken",
            ("model-model.layers-mlp.up_proj-000-003.safetensors",),
            id="a file where a tile goes",
        ),
    ],
)
def test_what_cannot_be_cut_is_told_with_its_cure_and_waited_for(world, spoil, reason, words):
    world.deal(model(), 2)
    spoil(world)
    found = world.scan()
    assert isinstance(found, Stall), found
    assert found.reason == reason
    assert all(word in found.message for word in words)
    world.deal(model(), 2)


def test_what_fits_no_registry_is_told_with_the_arithmetic(world):
    world.deal(model(), 2)
    found = world.scan(Limits("tiny", 5_000_000, 4))
    assert isinstance(found, Stall)
    assert found.reason == "TooManyLayers"
    assert all(word in found.message for word in ("4991808", "3 are left", "larger layers"))


@pytest.mark.parametrize("which", [0, 1], ids=["the small layer", "a tile"])
def test_a_source_that_was_replaced_between_scan_and_pack_is_refused(world, which):
    files = world.deal(model(), 2)
    job = world.jobs()[which]
    world.write("model-00001-of-00002.safetensors", files["model-00001-of-00002.safetensors"])
    refused = world.pack(job)
    assert isinstance(refused, Refusal)
    assert refused.reason == "SourceChanged"
    assert "'model-00001-of-00002.safetensors' in" in refused.message


def test_a_source_that_is_replaced_between_header_and_tensors_is_refused(world):
    files = world.deal(model(), 2)
    small, *tiles = world.jobs()
    assert isinstance(world.pack(tiles[0]), PackedLayer)  # its headers are kept
    for name, data in files.items():
        world.write(name, data)
    for job in (tiles[1], small):
        refused = world.pack(job)
        assert isinstance(refused, Refusal)
        assert refused.reason == "SourceChanged"


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_sharding_of_any_tensors_gives_the_same_tiles(tmp_path_factory, data):
    names = data.draw(
        st.lists(
            st.sampled_from(["a.weight", "b.0.w.weight", "b.1.w.weight", "b.1.v.bias", "c", "d.2.experts.1.w"]),
            min_size=2,
            unique=True,
        )
    )
    sizes = [data.draw(st.integers(0, 50)) for _ in names]
    tensors = [
        tensor("big", 17 << 20, dtype="U8"),
        *(tensor(name, size) for name, size in zip(names, sizes, strict=True)),
    ]
    worlds = []
    for number in range(2):
        world = TensorWorld(tmp_path_factory.mktemp(f"world{number}"))
        order = data.draw(st.permutations(tensors))
        world.deal(order, data.draw(st.integers(1, len(tensors))))
        found = world.scan()
        assert isinstance(found, Listed)
        worlds.append(found.checkpoints[0].tiles)
    assert worlds[0] == worlds[1]
    assert sum(tile.size for tile in worlds[0]) > 17 << 20
