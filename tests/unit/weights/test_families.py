"""What a change of some modules or some blocks sends again, computed over the headers of well-known models."""

from collections import defaultdict
from collections.abc import Callable, Collection

import pytest

from shale.testkit import checkpoints
from shale.weights import index
from shale.weights.allot import Room
from shale.weights.checkpoint import Checkpoint
from shale.weights.names import place
from shale.weights.safetensors import Tensor
from shale.weights.tiles import Tile, Tiling, plan

GiB = 2**30
ROOM = Room(budget=59, cap=48 * GiB)
GOAL = 1.1  # of packing.md: bytes sent / bytes truly changed
GATE = 1.3  # likewise: for what the ranges are not made for
A_KIND = 0.01  # of all bytes: a smaller kind may share its tile with others ...
A_TRIFLE = 0.01  # ... which then costs at most this part of all bytes

LONE = Checkpoint("", "model", ("model.safetensors",), index.NONE, indexed=False)
FAMILIES: dict[str, Callable[[], list[Tensor]]] = {
    "llama 7B": lambda: list(checkpoints.llama(32, 4096, 11008, 4096)),
    "llama 70B": lambda: list(checkpoints.llama(80, 8192, 28672, 1024)),
    "llama 1B, many words": lambda: list(checkpoints.llama(16, 2048, 8192, 512, 128256)),
    "gpt-neox 20B": lambda: list(checkpoints.neox()),
    "mixtral 8x7B": lambda: list(checkpoints.mixtral()),
    "deepseek V3": lambda: list(checkpoints.deepseek()),
    "T5, encoder and decoder": lambda: list(checkpoints.t5()),
    "LLaVA, sees and speaks": lambda: list(checkpoints.llava()),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request) -> tuple[list[Tensor], Tiling]:
    tensors = FAMILIES[request.param]()
    return tensors, tiled(tensors)


def tiled(tensors: list[Tensor], room: Room = ROOM) -> Tiling:
    made = plan(LONE, {"model.safetensors": checkpoints.header(tensors)}, room)
    assert isinstance(made, Tiling)
    return made


def sent(tiling: Tiling, changed: Collection[str]) -> int:
    return sum(tile.size for tile in tiling.tiles if any(tensor.name in changed for tensor in tile.tensors))


def size(tensors: list[Tensor], changed: Collection[str]) -> int:
    return sum(tensor.size for tensor in tensors if tensor.name in changed)


def blocks(tensors: list[Tensor]) -> dict[str, int]:
    """Return how many blocks each stack has."""
    found: dict[str, int] = defaultdict(int)
    for tensor in tensors:
        at = place(tensor.name)
        if at.block is not None:
            found[at.module.stack] = max(found[at.module.stack], at.block + 1)
    return found


def test_every_tensor_lies_in_one_tile_and_all_tiles_fit(family):
    tensors, tiling = family
    assert sorted(tensor.name for tile in tiling.tiles for tensor in tile.tensors) == sorted(
        tensor.name for tensor in tensors
    )
    assert len(tiling.tiles) <= ROOM.budget
    assert max(tile.size for tile in tiling.tiles) <= ROOM.cap
    assert len({tile.path for tile in tiling.tiles}) == len(tiling.tiles)


def test_a_kind_changed_in_all_blocks_sends_that_kind_only(family):
    tensors, tiling = family
    total = sum(tensor.size for tensor in tensors)
    kinds: dict[str, set[str]] = defaultdict(set)
    for tensor in tensors:
        kinds[place(tensor.name).module.label].add(tensor.name)
    for kind, names in kinds.items():
        truly = size(tensors, names)
        if truly >= A_KIND * total:
            assert sent(tiling, names) <= GOAL * truly, kind
        else:
            assert sent(tiling, names) - truly <= A_TRIFLE * total, kind


def test_the_last_quarter_of_blocks_sends_that_quarter_only(family):
    tensors, tiling = family
    deep = blocks(tensors)
    last = {
        tensor.name
        for tensor in tensors
        if (at := place(tensor.name)).block is not None and at.block >= 3 * deep[at.module.stack] // 4
    }
    assert sent(tiling, last) <= GOAL * size(tensors, last)


def test_the_last_half_of_blocks_sends_that_half_only(family):
    tensors, tiling = family
    deep = blocks(tensors)
    last = {
        tensor.name
        for tensor in tensors
        if (at := place(tensor.name)).block is not None and at.block >= deep[at.module.stack] // 2
    }
    assert sent(tiling, last) <= GATE * size(tensors, last)


def test_a_llama_has_eight_ranges_of_seven_kinds_and_three_tiles_more():
    paths = [tile.path for tile in tiled(FAMILIES["llama 7B"]()).tiles]
    assert len(paths) == 59
    assert [path for path in paths if "layers" not in path] == [
        "model-lm_head.safetensors",
        "model-model.embed_tokens.safetensors",
        "model-rest-82d8e74f.safetensors",
    ]
    assert [path for path in paths if "q_proj" in path] == [
        f"model-model.layers-self_attn.q_proj-{first:03}-{first + 3:03}.safetensors" for first in range(0, 32, 4)
    ]


def test_larger_layers_are_cut_finer_where_the_registry_takes_no_more():
    tensors = FAMILIES["mixtral 8x7B"]()
    tiling = tiled(tensors, Room(budget=59, cap=2 * GiB))
    assert max(tile.size for tile in tiling.tiles) <= 2 * GiB
    assert 45 <= len(tiling.tiles) <= 59


def same(one: Tiling, other: Tiling) -> float:
    """Return the part of the bytes of `other` that `one` has too, in files of the same name."""

    def known(tile: Tile) -> bool:
        return (tile.path, tile.header) in held

    held = {(tile.path, tile.header) for tile in one.tiles}
    return sum(tile.size for tile in other.tiles if known(tile)) / sum(tile.size for tile in other.tiles)


@pytest.mark.parametrize("name", ["a", "zz", "w00001x", "w05000x", "w09999x", "model.new.weight", "ω"])
def test_names_that_say_nothing_are_cut_where_one_tensor_more_moves_little(name):
    before = list(checkpoints.nameless())
    after = [*before, checkpoints.tensor(name, 1024, 4096)]
    assert 8 <= len(tiled(before).tiles) <= 59
    assert same(tiled(before), tiled(after)) >= 0.85


@pytest.mark.parametrize(
    "name", ["model.layers.7.self_attn.q_norm.weight", "score.weight", "model.layers.31.extra.bias"]
)
def test_one_module_more_moves_no_other(name):
    before = FAMILIES["llama 7B"]()
    assert same(tiled(before), tiled([*before, checkpoints.tensor(name, 4096)])) >= 0.99
