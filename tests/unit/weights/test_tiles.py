"""Tiles are the tensors' and nothing else's, they fit, and the original files come back byte for byte."""

import json
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import deserialize

from shale.testkit.checkpoints import header, tensor
from shale.weights import checkpoint as checkpoints
from shale.weights import restore, safetensors
from shale.weights.allot import Room
from shale.weights.checkpoint import Checkpoint, Untileable
from shale.weights.dtypes import BITS, bytes_of
from shale.weights.safetensors import Header, Tensor
from shale.weights.tiles import Tiling, plan, plan_all, share

law = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy

PARTS = ("model.layers", "h", "encoder.block", "decoder.block", "vision.layers", "a/b", "é")
KINDS = ("q_proj", "mlp.down_proj", "experts.0.w1", "experts.1.w1", "norm", "")
BLOCKED = st.builds(
    lambda stack, block, kind, end: ".".join(filter(None, (stack, str(block), kind, end))),
    st.sampled_from(PARTS),
    st.integers(0, 12),
    st.sampled_from(KINDS),
    st.sampled_from(("weight", "bias")),
)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=5).filter(lambda name: name != "__metadata__")
NAMES = BLOCKED | ANY | st.sampled_from(("lm_head.weight", "model.embed_tokens.weight", "rest", "model"))
HUGE = 2**40


class Files(msgspec.Struct):
    """A checkpoint as it lies in a folder: its shards, and its index if it has one."""

    shards: dict[str, bytes]
    index: bytes | None

    def headers(self) -> dict[str, Header]:
        return {path: parsed(data) for path, data in self.shards.items()}

    def found(self) -> Checkpoint:
        indexes = {"model.safetensors.index.json": self.index} if self.index else {}
        found = checkpoints.find([*self.shards, *indexes, "config.json"], indexes)
        assert isinstance(found, tuple)
        assert len(found) == 1
        return found[0]


def parsed(data: bytes) -> Header:
    found = safetensors.parse(data, len(data))
    assert isinstance(found, Header)
    return found


@st.composite
def contents(draw) -> dict[str, tuple[Tensor, bytes]]:
    """Tensors with their bytes, by name."""
    made: dict[str, tuple[Tensor, bytes]] = {}
    for name in draw(st.lists(NAMES, unique=True, max_size=24, min_size=1)):
        dtype = draw(st.sampled_from(("BF16", "F8_E4M3", "U8", *BITS)))
        shape = tuple(draw(st.lists(st.integers(0, 3), max_size=2)))
        if isinstance(bytes_of(dtype, shape), str):
            shape = (4, *shape)
        found = tensor(name, *shape, dtype=dtype)
        made[name] = (found, draw(st.binary(min_size=found.size, max_size=found.size)))
    return made


def written(tensors: list[tuple[Tensor, bytes]], metadata: dict[str, str]) -> bytes:
    """A file with the tensors in the order given, which need not be the reference's."""
    at, laid = 0, list[Tensor]()
    for found, _ in tensors:
        laid.append(msgspec.structs.replace(found, start=at, end=at + found.size))
        at += found.size
    return safetensors.write(laid, metadata) + b"".join(data for _, data in tensors)


def sharded(draw, held: Mapping[str, tuple[Tensor, bytes]]) -> Files:
    """Lay tensors out in one file or in shards with an index, in any order, with metadata of their own."""
    names = draw(st.permutations(sorted(held)))
    count = draw(st.integers(0, 4))
    said = draw(st.dictionaries(ANY, ANY, max_size=2).filter(lambda metadata: "format" not in metadata))
    metadata = said | {"format": "pt"}
    if not count:
        return Files({"model.safetensors": written([held[name] for name in names], metadata)}, None)
    where = {name: f"model-{draw(st.integers(1, count)):05}-of-{count:05}.safetensors" for name in names}
    shards = {
        file: written([held[name] for name in names if where[name] == file], metadata) for file in set(where.values())
    }
    index = {"metadata": {"total_size": 1, "total_parameters": 7}, "weight_map": where}
    return Files(shards, json.dumps(index, indent=1).encode())


@st.composite
def files(draw) -> Files:
    return sharded(draw, draw(contents()))


@st.composite
def twice(draw) -> tuple[Files, Files]:
    """The same tensors in two sets of files."""
    held = draw(contents())
    return sharded(draw, held), sharded(draw, held)


ROOMS = st.builds(
    Room, budget=st.integers(1, 12), cap=st.sampled_from((500, 1500, 4000, HUGE)), least=st.integers(1, 60)
)


def assembled(start: bytes, wanted: Header, sources: Mapping[str, bytes], headers: Mapping[str, Header]) -> bytes:
    """Put a file together from others that hold its tensors."""
    found = restore.slices(wanted, restore.held(headers))
    return start + b"".join(sources[one.file][one.offset : one.offset + one.length] for one in found)


def tiled(given_files: Files, tiling: Tiling) -> dict[str, bytes]:
    headers = given_files.headers()
    return {
        tile.path: assembled(tile.header, parsed_header(tile.header, tile.size), given_files.shards, headers)
        for tile in tiling.tiles
    }


def parsed_header(data: bytes, size: int) -> Header:
    found = safetensors.parse(data, size)
    assert isinstance(found, Header)
    return found


def loaded(shards: Mapping[str, bytes]) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """What the library reads from all files of a folder."""
    return {
        name: (found["dtype"], tuple(found["shape"]), bytes(found["data"]))
        for data in shards.values()
        for name, found in deserialize(data)
    }


@law
@given(files(), ROOMS)
def test_the_original_files_come_back_byte_for_byte_and_tiles_load_as_they_did(original, room):
    tiling = plan(original.found(), original.headers(), room)
    if isinstance(tiling, Untileable):
        assert tiling.reason in {"TooManyLayers", "LayerTooLarge"}
        assert room.cap < HUGE
        return
    made = tiled(original, tiling)
    assert len(made) == len(tiling.tiles) <= room.budget
    assert all(len(made[tile.path]) == tile.size <= room.cap for tile in tiling.tiles)
    assert loaded(made) == loaded(original.shards)
    headers = {path: parsed(data) for path, data in made.items()}
    for data in original.shards.values():
        wanted = parsed(data)
        assert assembled(data[: wanted.length], wanted, made, headers) == data


@law
@given(files(), ROOMS)
def test_the_index_names_every_tensor_in_its_tile_and_keeps_what_it_said_besides(original, room):
    tiling = plan(original.found(), original.headers(), room)
    if isinstance(tiling, Untileable):
        return
    index = json.loads(tiling.index)
    made = tiled(original, tiling)
    assert index["weight_map"] == {name: path for path, data in made.items() for name, _ in deserialize(data)}
    assert index["metadata"]["total_size"] == sum(len(data) for _, _, data in loaded(made).values())
    assert ("total_parameters" in index["metadata"]) is (original.index is not None)
    assert checkpoints.find([*made, tiling.index_path], {tiling.index_path: tiling.index}) is not None


@law
@given(twice(), ROOMS)
def test_the_same_tensors_give_the_same_tiles_whatever_the_shards_were(both, room):
    one, two = (plan(original.found(), original.headers(), room) for original in both)
    if isinstance(one, Untileable) or isinstance(two, Untileable):
        assert one == two
        return
    assert one.tiles == two.tiles
    assert tiled(both[0], one) == tiled(both[1], two)


@law
@given(files(), ROOMS)
def test_a_tile_is_what_comes_of_tiling_it_again(original, room):
    tiling = plan(original.found(), original.headers(), room)
    if isinstance(tiling, Untileable):
        return
    for tile in tiling.tiles:
        lone = Checkpoint("", "model", (tile.path,), checkpoints.index.NONE, indexed=False)
        again = plan(lone, {tile.path: parsed_header(tile.header, tile.size)}, Room(1, HUGE))
        assert isinstance(again, Tiling)
        assert [one.header for one in again.tiles] == [tile.header]


LLAMA = [tensor(f"model.layers.{block}.{kind}.weight", 8, 8) for block in range(8) for kind in ("q_proj", "k_proj")]
LONE = Checkpoint("", "model", ("model.safetensors",), checkpoints.index.NONE, indexed=False)


def of(tensors: list[Tensor], room: Room, **metadata: str) -> Tiling | Untileable:
    return plan(LONE, {"model.safetensors": msgspec.structs.replace(header(tensors), metadata=metadata)}, room)


@pytest.mark.parametrize(
    ("budget", "cuts"),
    [
        pytest.param(
            16, ["000-000", "001-001", "002-002", "003-003", "004-004", "005-005", "006-006", "007-007"], id="8"
        ),
        pytest.param(8, ["000-001", "002-003", "004-005", "006-007"], id="quarters"),
        pytest.param(6, ["000-003", "004-005", "006-007"], id="a half, and two quarters"),
        pytest.param(4, ["000-005", "006-007"], id="what is trained last"),
        pytest.param(2, ["000-007"], id="each kind alone"),
    ],
)
def test_a_smaller_budget_makes_larger_ranges(budget, cuts):
    made = of(LLAMA, Room(budget, HUGE, least=1))
    assert isinstance(made, Tiling)
    assert [tile.path for tile in made.tiles] == [
        f"model-model.layers-{kind}-{cut}.safetensors" for kind in ("k_proj", "q_proj") for cut in cuts
    ]


def test_no_range_is_smaller_than_what_is_worth_a_layer():
    made = of(LLAMA, Room(59, HUGE, least=2**20))
    assert isinstance(made, Tiling)
    assert len(made.tiles) == 1


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        pytest.param({"format": "pt", "licence": "x"}, {"format": "pt"}, id="the format stays, all else goes"),
        pytest.param({"format": "mlx"}, {"format": "mlx"}, id="another framework's too"),
        pytest.param({"licence": "x"}, {}, id="none where none was"),
        pytest.param({"format": "x" * 500}, {}, id="nor what is no format"),
    ],
)
def test_a_tile_says_in_which_format_it_was_saved_and_nothing_else(metadata, kept):
    made = of(LLAMA, Room(1, HUGE), **metadata)
    assert isinstance(made, Tiling)
    assert parsed_header(made.tiles[0].header, made.tiles[0].size).metadata == kept


def test_a_tensor_over_the_cap_is_refused_by_name_and_size():
    made = of([*LLAMA, tensor("wide", 1000)], Room(59, 2000))
    assert isinstance(made, Untileable)
    assert made.message == (
        "'wide' of model.safetensors.index.json alone has 2000 bytes, a layer holds at most 2000: "
        "choose another registry, or save the model in a smaller dtype"
    )


def test_a_checkpoint_over_the_budget_is_refused_with_the_arithmetic_and_the_way_out():
    made = of(LLAMA, Room(3, 1500))
    assert isinstance(made, Untileable)
    assert made.reason == "TooManyLayers"
    assert (
        "in 16 tensors, which make 6 layers of at most 1500 bytes; 3 are left for it: choose a registry" in made.message
    )


def test_the_budget_is_shared_by_bytes_and_everyone_has_what_the_cap_asks_for():
    assert share([700, 200, 100], Room(13, 1000)) == (8, 3, 2)
    assert share([10_000, 1], Room(11, 1000)) == (10, 1)
    assert share([10_000, 1], Room(10, 1000)) is None
    assert share([0], Room(5, 1000)) == (1,)
    assert share([], Room(5, 1000)) == ()


def folder(name: str) -> Checkpoint:
    return Checkpoint(name, "model", (f"{name}/model.safetensors",), checkpoints.index.NONE, indexed=False)


def test_several_checkpoints_of_a_model_lie_each_in_its_folder():
    headers = {f"{name}/model.safetensors": header(LLAMA) for name in ("unet", "text")}
    made = plan_all([folder("text"), folder("unet")], headers, Room(8, HUGE, least=1))
    assert isinstance(made, tuple)
    assert [tiling.index_path for tiling in made] == [
        "text/model.safetensors.index.json",
        "unet/model.safetensors.index.json",
    ]
    assert [len(tiling.tiles) for tiling in made] == [4, 4]
    assert made[0].tiles[0].path == "text/model-model.layers-k_proj-000-005.safetensors"
    assert made[0].tiles[0].digest == made[1].tiles[0].digest
    assert json.loads(made[0].index)["weight_map"]["model.layers.7.q_proj.weight"] == (
        "model-model.layers-q_proj-006-007.safetensors"
    )


def test_too_many_checkpoints_are_refused_together():
    headers = {f"{name}/model.safetensors": header(LLAMA) for name in ("unet", "text")}
    made = plan_all([folder("text"), folder("unet")], headers, Room(3, 1100))
    assert isinstance(made, Untileable)
    assert made.message.startswith(
        "2 checkpoints of 4096 bytes need 4 layers of at most 1100 bytes or more; 3 are left"
    )


def test_no_tile_lies_where_another_file_does():
    taken = "text/model-model.layers-k_proj-000-007.safetensors"
    headers = {"text/model.safetensors": header(LLAMA)}
    made = plan_all([folder("text")], headers, Room(2, HUGE, least=1), others=[taken])
    assert isinstance(made, Untileable)
    assert made.message == f"{taken} would be a tile's name, and is taken: rename that file"
