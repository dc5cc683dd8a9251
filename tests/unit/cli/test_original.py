"""The source's files come back byte for byte of whatever tiles they were cut into."""

import json
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shale.cli.commands.pull import How, pull
from shale.cli.commands.verify import verify
from shale.cli.exits import CliError
from shale.cli.pulling import original
from shale.cli.registries import Store
from shale.oci.layout import Layout
from shale.testkit.images import publish
from shale.testkit.tensors import checkpoint, random_tensors
from shale.weights import checkpoint as checkpoints
from shale.weights import index, restore, safetensors, table, tiles
from shale.weights.allot import Room

REPO = "models/x"
TENSORS = random_tensors([f"model.layers.{at}.{kind}.weight" for at in range(6) for kind in ("q", "up")], 3000)


def sharded(tensors, count, stem="model", folder=""):
    """Return the files of a checkpoint in so many shards, and its index where there is more than one."""
    names = list(tensors)
    if count == 1:
        return {f"{folder}{stem}.safetensors": checkpoint(tensors, {"format": "pt"})}
    parts = {f"{stem}-{at + 1:05}-of-{count:05}.safetensors": names[at::count] for at in range(count)}
    files = {f"{folder}{file}": checkpoint({one: tensors[one] for one in part}) for file, part in parts.items()}
    weight_map = {one: file for file, part in parts.items() for one in part}
    return files | {f"{folder}{stem}{index.SUFFIX}": json.dumps({"metadata": {}, "weight_map": weight_map}).encode()}


def parsed(data):
    found = safetensors.parse(data, len(data))
    assert isinstance(found, safetensors.Header)
    return found


def tiled(registry, source, room=None, tag="v1"):
    """Push the image of a source as one with layout tensors is laid out: tiles, indexes, and the headers of old."""
    indexes = {path: data for path, data in source.items() if path.endswith(index.SUFFIX)}
    found = checkpoints.find(source, indexes)
    assert isinstance(found, tuple)
    headers = {path: parsed(data) for path, data in source.items() if path.endswith(".safetensors")}
    shards = {shard for one in found for shard in one.shards}
    planned = tiles.plan_all(found, headers, room or Room(8, 2**30, 1), source.keys() - shards)
    assert isinstance(planned, tuple)
    small = {path: data for path, data in source.items() if path not in shards | indexes.keys()}
    weights = {}
    for one, tiling in zip(found, planned, strict=True):
        held = restore.held({shard: headers[shard] for shard in one.shards})
        small[tiling.index_path] = tiling.index
        named = {"tiles": [tile.path for tile in tiling.tiles]}
        small[f".shale/originals/{tiling.index_path}.tiles"] = json.dumps(named).encode()
        for tile in tiling.tiles:
            pieces = restore.slices(parsed_tile(tile), held)
            weights[tile.path] = tile.header + b"".join(source[p.file][p.offset : p.offset + p.length] for p in pieces)
    kept = {f".shale/originals/{shard}": source[shard][: headers[shard].length] for shard in shards}
    kept |= {f".shale/originals/{path}": data for path, data in indexes.items()}
    layers = {f"layer{at}": {path: data} for at, (path, data) in enumerate(sorted(weights.items()))}
    return publish(registry, REPO, tag, dict(sorted((small | kept).items())), **layers)


def parsed_tile(tile):
    return safetensors.Header(tile.tensors, {}, len(tile.header))


def pulled(registry, out, **how):
    return pull(Store(registry, "here"), f"{REPO}:v1", out, How(**how))


def files(folder: Path):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def registry(tmp_path):
    return Layout(tmp_path / "registry")


@pytest.mark.parametrize("count", [1, 3])
def test_the_source_comes_back_and_each_tensor_is_proven(registry, tmp_path, count):
    adapter = {"adapter.safetensors": checkpoint(random_tensors(["model.layers.0.q.weight"], 9))}
    source = sharded(TENSORS, count) | adapter | {"config.json": b"{}"}
    tiled(registry, source)
    found = pulled(registry, tmp_path / "out", original=True)
    assert files(tmp_path / "out") == source
    assert (found.proven, found.files, found.bytes) == (len(TENSORS), len(source), sum(map(len, source.values())))
    pulled(registry, tmp_path / "tiles")
    assert ".shale/originals/config.json" not in files(tmp_path / "tiles")
    assert len(files(tmp_path / "tiles")) > len(source)


def test_two_checkpoints_of_one_folder_with_equal_names_keep_apart(registry, tmp_path):
    other = random_tensors(TENSORS, 3000, seed=2)
    source = (
        sharded(TENSORS, 2, "model") | sharded(other, 3, "diffusion_pytorch_model") | sharded(other, 1, folder="a/")
    )
    tiled(registry, source)
    pulled(registry, tmp_path / "out", original=True)
    assert files(tmp_path / "out") == source


def test_verify_says_why_the_source_s_files_are_not_the_image_s(registry, tmp_path):
    tiled(registry, sharded(TENSORS, 2))
    pulled(registry, tmp_path / "out", original=True)
    (complaint,) = verify(Store(registry, "here"), f"{REPO}:v1", tmp_path / "out").complaints
    assert "holds the source's own files" in complaint


LOOKALIKES = {
    "an adapter": {"model-lora.safetensors": checkpoint(random_tensors(["model.layers.0.q.weight"], 9))},
    "a copy under another name": {"model-ema.safetensors": checkpoint(TENSORS)},
    "a checkpoint whose name begins alike": sharded(random_tensors(["x.weight", "y.weight"], 50), 2, "model-ema"),
}


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("beside", LOOKALIKES.values(), ids=LOOKALIKES.keys())
def test_what_only_looks_like_a_tile_stays(registry, tmp_path, beside, count):
    source = sharded(TENSORS, count) | beside
    tiled(registry, source)
    pulled(registry, tmp_path / "out", original=True)
    assert files(tmp_path / "out") == source


def test_a_tensor_that_no_index_named_comes_back(registry, tmp_path):
    source = sharded(TENSORS, 2)
    named = json.loads(source["model.safetensors.index.json"])
    for name in [*TENSORS][::2]:
        del named["weight_map"][name]
    source["model.safetensors.index.json"] = json.dumps(named).encode()
    tiled(registry, source)
    pulled(registry, tmp_path / "out", original=True)
    assert files(tmp_path / "out") == source


def test_the_source_at_hand_is_not_fetched_again(registry, tmp_path):
    source = sharded(random_tensors(TENSORS, 50_000), 3)
    tiled(registry, source)
    (tmp_path / "have").mkdir()
    for path, data in source.items():
        (tmp_path / "have" / path).write_bytes(data)
    found = pulled(registry, tmp_path / "out", have=(tmp_path / "have",), original=True)
    assert files(tmp_path / "out") == source
    assert found.fetched < 0.2 * found.bytes
    again = pulled(registry, tmp_path / "have", force=True, original=True)
    assert (files(tmp_path / "have"), again.fetched < 0.2 * again.bytes) == (source, True)


def test_an_image_of_the_source_s_own_files_is_pulled_as_it_is(registry, tmp_path):
    source = sharded(TENSORS, 2)
    publish(registry, REPO, "v1", source)
    assert pulled(registry, tmp_path / "out", original=True).proven == 0
    assert files(tmp_path / "out") == source


def test_a_table_that_lies_proves_nothing_and_changes_nothing(registry, tmp_path, monkeypatch):
    source = sharded(TENSORS, 2)
    tiled(registry, source)
    decode = table.decode

    def lying(data):
        found = decode(data)
        liars = tuple(msgspec.structs.replace(one, digest="blake3:" + "0" * 64) for one in found.tensors)
        return msgspec.structs.replace(found, tensors=liars)

    monkeypatch.setattr(table, "decode", lying)
    assert pulled(registry, tmp_path / "out", original=True).proven == 0
    assert files(tmp_path / "out") == source


def test_what_is_written_otherwise_than_it_was_read_is_found_out(registry, tmp_path, monkeypatch):
    tiled(registry, sharded(TENSORS, 2))
    pulled(registry, tmp_path / "laid")
    monkeypatch.setattr("shale.cli.pulling.original.disk.write_all", lambda fd, data: os.write(fd, bytes(len(data))))
    with pytest.raises(CliError, match="with other bytes than it has"):
        original.give_back(tmp_path / "laid", tmp_path / "spare", ())


LIST = f".shale/originals/model{index.SUFFIX}.tiles"
SPOILT = {
    "a tensor is in no tile": lambda kept: kept | {".shale/originals/model.safetensors": head({"other": b"x"})},
    "a tensor has another shape": lambda kept: (
        kept | {".shale/originals/model.safetensors": head({**TENSORS, next(iter(TENSORS)): b"x"})}
    ),
    "what is kept is no header": lambda kept: kept | {".shale/originals/model.safetensors": b"nonsense"},
    "a file of no checkpoint": lambda kept: kept | {".shale/originals/b/model.safetensors": head({"x": b"x"})},
    "no tiles are named": lambda kept: {path: kept[path] for path in kept if path != LIST},
    "what names the tiles is nonsense": lambda kept: kept | {LIST: b"[" * 100_000},
    "what names the tiles has no end": lambda kept: kept | {LIST: bytes(index.MOST + 1)},
    "what is kept has no end": lambda kept: kept | {".shale/originals/model.safetensors": bytes(index.MOST + 1)},
    "a tile is named that is not here": lambda kept: kept | {LIST: b'{"tiles": ["../x"]}'},
    "the index is gone": lambda kept: {path: kept[path] for path in kept if not path.endswith(index.SUFFIX)},
}


def head(tensors):
    data = checkpoint(tensors, {"format": "pt"})
    return data[: parsed(data).length]


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_what_cannot_be_given_back_is_said_and_nothing_is_there(registry, tmp_path, spoil):
    tiled(registry, sharded(TENSORS, 1))
    pulled(registry, tmp_path / "tiles")
    publish(registry, REPO, "v1", spoil(files(tmp_path / "tiles")))
    with pytest.raises(CliError, match=r"the source's files cannot be given back: .*pull it without --original"):
        pulled(registry, tmp_path / "out", original=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["registry", "tiles"]


SIZES = st.dictionaries(st.sampled_from([*TENSORS, "lm_head.weight", "x"]), st.integers(0, 3000), min_size=1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SIZES, st.integers(1, 4), st.integers(1, 6))
def test_any_checkpoint_comes_back(tmp_path_factory, sizes, count, budget):
    folder = tmp_path_factory.mktemp("any")
    tensors = {name: random_tensors([name], size)[name] for name, size in sizes.items()}
    source = sharded(tensors, min(count, len(tensors)))
    tiled(Layout(folder / "registry"), source, Room(budget, 2**30, 1))
    pulled(Layout(folder / "registry"), folder / "out", original=True)
    assert files(folder / "out") == source
