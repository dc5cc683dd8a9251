"""The benches' weights: the same bytes on every machine, a llama's names, and changes exactly where they are said."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path
from statistics import fmean, pstdev

import pytest

from shale.testkit.bench import weights
from shale.testkit.bench.weights import llama, of_kind, of_last_blocks, of_shard, scattered, sharded, size_of

TENSORS = llama(2_000_000)


def floats(data: bytes) -> list[float]:
    return [struct.unpack("<f", b"\0\0" + data[at : at + 2])[0] for at in range(0, len(data), 2)]


def tensors_of(folder: Path) -> dict[str, bytes]:
    """Every tensor's bytes, found by the headers of the files."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        (length,) = struct.unpack_from("<Q", data)
        head = json.loads(data[8 : 8 + length])
        ends = [0]
        for name, told in head.items():
            if name != "__metadata__":
                start, end = told["data_offsets"]
                found[name] = data[8 + length + start : 8 + length + end]
                ends.append(end)
        assert 8 + length + max(ends) == len(data)
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "base"
    weights.write(folder, TENSORS)
    return folder


def test_the_same_seed_gives_these_very_bytes():
    drawn = b"".join(weights.values(weights.seed_of("model.norm.weight", 1), 1000))
    assert hashlib.sha256(drawn).hexdigest() == "45a38f4ac77acbd6573115cbc841ca6ac29975c0a3587df432567b90bcf8e2f8"


def test_values_are_a_gaussian_of_bf16():
    drawn = b"".join(weights.values(7, 50_000))
    assert abs(fmean(floats(drawn))) < 0.001
    assert pstdev(floats(drawn)) == pytest.approx(weights.SIGMA, rel=0.2)


def test_values_compress_as_the_findings_weights_did():
    drawn = b"".join(weights.values(7, 200_000))
    assert 0.78 < len(zlib.compress(drawn, 1)) / len(drawn) < 0.83


def test_more_values_than_one_piece_are_all_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weights, "PIECE", 1000)
    assert [len(piece) for piece in weights.values(7, 2500)] == [2000, 2000, 1000]


@pytest.mark.parametrize("size", [2_000_000, 300_000_000, 2_100_000_000])
def test_a_model_is_about_as_large_as_was_asked(size: int):
    assert sum(one.size for one in llama(size)) == pytest.approx(size, rel=0.15)


def test_shards_hold_every_tensor_once_and_are_alike_in_size():
    shards = sharded(llama(1_000_000_000))
    assert [one for held in shards for one in held] == list(llama(1_000_000_000))
    sizes = [sum(one.size for one in held) for held in shards]
    assert max(sizes) < 1.1 * min(sizes)


def test_a_checkpoint_holds_its_tensors_where_its_index_says(base: Path):
    index = json.loads((base / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(tensors_of(base)) == {one.name for one in TENSORS}
    assert set(index["weight_map"].values()) == {path.name for path in base.glob("*.safetensors")}
    assert {name: len(data) for name, data in tensors_of(base).items()} == {one.name: one.size for one in TENSORS}


def test_no_two_tensors_share_their_bytes(base: Path):
    found = tensors_of(base)
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(of_kind(TENSORS, "mlp.down_proj"), id="one kind in all blocks"),
        pytest.param(of_last_blocks(TENSORS), id="the last quarter of the blocks"),
        pytest.param(scattered(TENSORS), id="one tensor in ten"),
        pytest.param(of_shard(TENSORS, 1), id="one shard"),
    ],
)
def test_a_change_is_where_it_is_said_and_nowhere_else(base: Path, tmp_path: Path, changed: list[str]):
    weights.write(tmp_path / "beside", TENSORS, changed, like=base)
    before, after = tensors_of(base), tensors_of(tmp_path / "beside")
    assert sorted(name for name in before if before[name] != after[name]) == sorted(changed)
    weights.write(tmp_path / "anew", TENSORS, changed)
    assert tensors_of(tmp_path / "anew") == after
    assert size_of(TENSORS, changed) == sum(len(before[name]) for name in changed)


def test_what_a_change_does_not_touch_is_the_same_file(base: Path, tmp_path: Path):
    weights.write(tmp_path / "beside", TENSORS, of_shard(TENSORS, 1), like=base)
    same = [path.samefile(base / path.name) for path in sorted((tmp_path / "beside").glob("*.safetensors"))]
    assert same == [True, False, True, True]


def test_changes_are_of_the_sizes_that_their_names_say():
    assert len(of_kind(TENSORS, "mlp.down_proj")) == weights.BLOCKS
    assert len(of_last_blocks(TENSORS)) == weights.BLOCKS // 4 * 9
    assert len(scattered(TENSORS)) == len(TENSORS) // 10
