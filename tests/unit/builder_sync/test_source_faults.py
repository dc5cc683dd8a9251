"""A source file that is truncated, grown, replaced or rewritten while a tile is read of it.

Nothing is published of it, and the file is named. A tile is read of several files, one after the other.
"""

from pathlib import Path

import pytest

from shale.builder_sync.results import Refusal
from shale.contracts.artifact import PackedLayer
from shale.testkit.checkpoints import tensor
from shale.testkit.tensorworld import REPO, TensorWorld
from shale.testkit.touched import grown, replaced, rewritten

MIB = 2**20
FIRST, LAST = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1000)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    path.unlink()


CHANGES = [truncated, emptied, grown, replaced, rewritten, gone]


@pytest.fixture
def world(tmp_path):
    """Return a world with one tile of two shards, 10 MiB of each."""
    made = TensorWorld(tmp_path)
    made.deal([tensor(f"model.layers.{block}.up.weight", 10 * MIB, dtype="I8") for block in range(2)], 2)
    return made


def packed_while(world, change, path, block):
    """Pack the tile, and change a file when so many blocks were heard; return what came of it."""
    _, tile = world.jobs()
    told = []

    def at(done):
        told.append(done)
        if len(told) == block:
            change(world.folder / path)

    return world.pack(tile, at), told


AMID = [
    pytest.param(FIRST, 3, id="amid its bytes"),
    pytest.param(LAST, 3, id="before they are read"),
    pytest.param(LAST, 15, id="amid the bytes of the last"),
    pytest.param(LAST, 21, id="with its last block"),
]


@pytest.mark.parametrize(("path", "block"), AMID)
@pytest.mark.parametrize("change", CHANGES, ids=[one.__name__ for one in CHANGES])
def test_a_shard_that_changes_while_a_tile_is_read_of_it_is_named_and_nothing_is_published(world, change, path, block):
    refused, told = packed_while(world, change, path, block)
    assert len(told) >= block
    assert isinstance(refused, Refusal), refused
    assert refused.reason == "SourceChanged"
    assert path in refused.message
    assert [one for one in (world.top / "registry").rglob("*") if one.is_file()] == []


@pytest.mark.parametrize("change", CHANGES, ids=[one.__name__ for one in CHANGES])
def test_a_shard_that_changes_when_all_of_it_was_read_is_packed_as_it_was_listed(world, change):
    listed, _ = packed_while(world, lambda _: None, FIRST, 3)
    packed, _ = packed_while(world, change, FIRST, 15)
    assert packed == listed


def test_a_tile_of_shards_that_nobody_changes_is_packed(world):
    """What the others prove can be otherwise."""
    packed, _ = packed_while(world, lambda _: None, FIRST, 3)
    assert isinstance(packed, PackedLayer)
    assert world.registry.has(REPO, packed.digest) == packed.size
