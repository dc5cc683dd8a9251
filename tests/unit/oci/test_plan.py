import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shale.contracts.artifact import File, Small, Tile
from shale.oci import plan, tarball
from shale.oci.limits import GB, GiB, Limits
from shale.oci.plan import Unplannable, plan_layers, room_for_tiles

MiB = 2**20
ANY = Limits("a registry", 48 * GiB, whence="a test")
TEN_GB = Limits("GHCR", 10 * GB, whence="its container registry limits")
ONE_RUN = (Small("config.json", "tokenizer.json", 2, 5 * MiB, "sha256:00"),)

SIZES = st.integers(16 * MiB, 9 * GB)
FILES = st.dictionaries(st.integers(0, 9999), SIZES, max_size=150).map(
    lambda drawn: [File(f"model-{number:05}.safetensors", size) for number, size in drawn.items()]
)


def shards(count, size=5 * GB):
    return [File(f"model-{number:05}-of-{count:05}.safetensors", size) for number in range(1, count + 1)]


def planned(files, small, limits=ANY):
    """Plan what fits."""
    layers = plan_layers(files, small, limits)
    assert isinstance(layers, tuple)
    return layers


def names(layers):
    return [layer.name for layer in layers]


def groups(layers):
    return {tuple(file.path for file in layer.files) for layer in layers if layer.files}


def test_one_weight_file_is_one_layer_and_everything_small_is_the_first():
    first, *rest = planned(shards(3), ONE_RUN)
    assert (first.name, first.small, first.size, first.root, first.files) == ("small", ONE_RUN[0], 5 * MiB, True, ())
    assert names(rest) == [file.path for file in shards(3)]
    assert [layer.root for layer in rest] == [False] * 3
    assert [layer.size for layer in rest] == [5 * GB] * 3


def test_there_is_a_first_layer_even_when_nothing_is_small():
    first, weights = planned(shards(1), ())
    assert (first.name, first.small, first.size, first.root) == ("small", None, 0, True)
    assert not weights.root


def test_an_empty_source_is_an_image_with_only_the_root():
    assert names(planned([], ())) == ["small"]


def test_only_the_first_of_several_small_runs_holds_the_root():
    layers = planned([], [*ONE_RUN, *ONE_RUN])
    assert [(layer.name, layer.root) for layer in layers] == [("small", True), ("small-2", False)]


def test_a_part_is_the_index_and_twelve_digits_of_the_name():
    assert plan.part(7, "small") == "7-81db8ebbbbc6"


@given(FILES, st.randoms())
def test_the_plan_does_not_know_in_which_order_files_were_listed(files, random):
    assert planned(random.sample(files, len(files)), ONE_RUN) == planned(files, ONE_RUN)


@given(FILES, st.sampled_from((ANY, TEN_GB)))
def test_every_file_lies_in_exactly_one_layer_in_path_order_and_within_the_limits(files, limits):
    layers = plan_layers(files, ONE_RUN, limits)
    if isinstance(layers, Unplannable):
        assert layers.reason == "TooManyLayers"
        assert len(files) > 59
        return
    held = [file for layer in layers for file in layer.files]
    assert held == sorted(files, key=lambda file: file.path)
    assert len(layers) <= limits.max_layers
    assert len({layer.part for layer in layers}) == len(layers)
    for layer in layers:
        assert tarball.size(plan.entries(layer.files), root=layer.root) <= limits.max_layer_bytes
        assert layer.size == sum(file.size for file in layer.files) + (layer.small.size if layer.small else 0)


def test_shards_are_grouped_only_when_there_are_too_many():
    assert len(planned(shards(59, 17 * MiB), ONE_RUN)) == 60
    assert 2 < len(planned(shards(60, 17 * MiB), ONE_RUN)) < 60


@pytest.mark.parametrize("count", [100, 300, 1000, 5000])
def test_any_number_of_shards_fits(count):
    layers = planned(shards(count, 200 * MiB), ONE_RUN)
    assert 20 < len(layers) <= 60


def test_a_group_is_named_by_its_first_file():
    layers = planned(shards(300, 200 * MiB), ONE_RUN)
    group = next(layer for layer in layers if len(layer.files) > 1)
    assert group.name == f"{group.files[0].path} and {len(group.files) - 1} more"


@settings(max_examples=30, deadline=None)
@given(st.integers(80, 400), st.integers(0, 400))
def test_one_added_shard_moves_few_boundaries(count, at):
    """With 200 MiB shards nothing is filled to 4 GiB before some name's hash cuts, but for a few groups."""
    before = [File(f"m/{number:04}0.bin", 200 * MiB) for number in range(count)]
    added = File(f"m/{min(at, count):04}5.bin", 200 * MiB)
    old, new = groups(planned(before, ONE_RUN)), groups(planned([*before, added], ONE_RUN))
    assert len(new - old) <= max(6, len(old) // 2)


def test_one_shard_added_at_the_front_of_a_large_model_leaves_most_layers_as_they_were():
    before = shards(200, 300 * MiB)
    old = groups(planned(before, ONE_RUN))
    new = groups(planned([File("a.safetensors", 300 * MiB), *before], ONE_RUN))
    assert len(new & old) >= len(old) - 4


def test_a_file_over_the_limit_is_refused_with_the_arithmetic_and_the_way_out():
    refused = plan_layers([File("model.safetensors", 25 * GB)], ONE_RUN, TEN_GB)
    assert refused == Unplannable(
        "LayerTooLarge",
        "model.safetensors makes a layer of 25000002560 bytes and GHCR takes at most 10000000000 "
        "(its container registry limits): save the model in at least 3 shards, "
        "choose layout: tensors (safetensors only), or another registry",
    )


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        pytest.param(10 * GB - 2560, True, id="the framing just fits"),
        pytest.param(10 * GB - 2559, False, id="the limit counts the framing too"),
    ],
)
def test_the_limit_is_on_the_blob_not_on_the_file(size, fits):
    assert isinstance(plan_layers([File("model.gguf", size)], (), TEN_GB), tuple) is fits


def test_more_layers_than_an_image_may_have_are_refused():
    refused = plan_layers(shards(70, 9 * GB), ONE_RUN, TEN_GB)
    assert isinstance(refused, Unplannable)
    assert refused.reason == "TooManyLayers"
    assert "70 weight files and 1 runs of small files" in refused.message
    assert "60 layers of at most 10000000000 bytes in GHCR" in refused.message


def test_more_small_runs_than_layers_are_refused():
    assert isinstance(plan_layers([], ONE_RUN * 61, ANY), Unplannable)
    assert isinstance(plan_layers(shards(1), ONE_RUN * 60, ANY), Unplannable)
    assert len(planned(shards(200, GB), ONE_RUN * 20)) <= 60


def tiles(count):
    return [Tile(f"t-{at:02}.safetensors", MiB, "sha256:0") for at in range(count)]


def test_tiles_that_leave_no_room_for_files_are_refused_with_the_arithmetic():
    refused = plan_layers([File("model.gguf", 17 * MiB)], ONE_RUN, ANY, tiles(59))
    assert isinstance(refused, Unplannable)
    assert refused.reason == "TooManyLayers"
    assert "1 weight files, 59 tiles and 1 runs" in refused.message
    assert isinstance(plan_layers([], ONE_RUN, ANY, tiles(59)), tuple)


@given(st.lists(SIZES, max_size=90), st.integers(1, 3), st.integers(16 * MiB, 900 * GB))
def test_files_fit_beside_the_tiles_that_are_given_room(sizes, runs, cut):
    files = [File(f"f-{at:02}.bin", size) for at, size in enumerate(sizes)]
    room = room_for_tiles(files, runs, cut, TEN_GB)
    assert 0 <= room <= 60 - runs
    planned = plan_layers(files, ONE_RUN * runs, TEN_GB, tiles(room))
    assert isinstance(planned, tuple) or (room == 0 and isinstance(planned, Unplannable))
