import json

import pytest

from shale.testkit.checkpoints import header, tensor
from shale.weights import checkpoint, index
from shale.weights.checkpoint import Checkpoint, Untileable
from shale.weights.index import Index


def written(weight_map: dict[str, str], **others: object) -> bytes:
    return json.dumps({"weight_map": weight_map, **others}).encode()


TWO = written({"a": "model-1.safetensors", "b": "model-2.safetensors"}, metadata={"total_size": 4})
FOUND = [
    pytest.param(["model.safetensors", "config.json"], {}, [("model", ["model.safetensors"])], id="a lone file"),
    pytest.param(
        ["unet/diffusion_pytorch_model.safetensors"],
        {},
        [("diffusion_pytorch_model", ["unet/diffusion_pytorch_model.safetensors"])],
        id="a lone file of diffusers",
    ),
    pytest.param([".x/model.safetensors"], {}, [("model", [".x/model.safetensors"])], id="a hidden folder"),
    pytest.param(["adapter_model.safetensors", "model.fp16.safetensors"], {}, [], id="others stay whole"),
    pytest.param(
        ["model-1.safetensors", "model-2.safetensors", "model-3.safetensors", "model.safetensors.index.json"],
        {"model.safetensors.index.json": TWO},
        [("model", ["model-1.safetensors", "model-2.safetensors"])],
        id="what the index names",
    ),
    pytest.param(
        ["x/model-1.safetensors", "x/model-2.safetensors", "x/model.safetensors.index.json", "x/model.safetensors"],
        {"x/model.safetensors.index.json": TWO},
        [("model", ["x/model-1.safetensors", "x/model-2.safetensors"])],
        id="a lone file beside an index of its stem stays whole: loaders look for it first",
    ),
    pytest.param(
        ["consolidated.safetensors.index.json", "c-1.safetensors", "model.safetensors"],
        {"consolidated.safetensors.index.json": written({"a": "c-1.safetensors"})},
        [("consolidated", ["c-1.safetensors"]), ("model", ["model.safetensors"])],
        id="two of two stems",
    ),
]


@pytest.mark.parametrize(("paths", "indexes", "found"), FOUND)
def test_files_belong_together_as_loaders_see_it(paths, indexes, found):
    made = checkpoint.find(paths, indexes)
    assert isinstance(made, tuple)
    assert [(one.stem, list(one.shards)) for one in made] == found
    for one in made:
        folders = {shard.rpartition("/")[0] for shard in one.shards}
        assert {one.index_path.rpartition("/")[0], one.folder} == folders


NAME = "model.safetensors.index.json"
REFUSED = [
    pytest.param(b"{", "it is no index of safetensors", id="no JSON"),
    pytest.param(b"[]", "it is no index of safetensors", id="a list"),
    pytest.param(b'{"weight_map":{"a":1}}', "it is no index of safetensors", id="a file that is a number"),
    pytest.param(b"{}", "it is no index of safetensors", id="no map"),
    pytest.param(written({}), "names no tensor", id="an empty map"),
    pytest.param(written({"a": "../x.safetensors"}), "no safetensors file of the same folder", id="another folder"),
    pytest.param(written({"a": "x.bin"}), "no safetensors file of the same folder", id="another format"),
    pytest.param(TWO, "names model-2.safetensors, which is not there", id="a shard that is missing"),
    pytest.param(b" " * (index.MOST + 1), "at most", id="an index without end"),
]


@pytest.mark.parametrize(("data", "why"), REFUSED)
def test_a_wrong_index_is_refused(data, why):
    refused = checkpoint.find(["model-1.safetensors", NAME], {NAME: data})
    assert isinstance(refused, Untileable)
    assert refused.message.startswith(f"{NAME}")
    assert why in refused.message
    assert refused.message.endswith("choose layout: files")


def test_a_shard_of_two_indexes_is_refused():
    one, two = ({f"{stem}{index.SUFFIX}": written({"a": "s.safetensors"})} for stem in "ab")
    refused = checkpoint.find(["s.safetensors", *one, *two], one | two)
    assert isinstance(refused, Untileable)
    assert "a.safetensors.index.json and in b.safetensors.index.json" in refused.message


SHARDS = Checkpoint("", "model", ("1.safetensors", "2.safetensors"), index.NONE, indexed=True)
A, B = tensor("a", 2), tensor("b", 3)


def test_a_tensor_in_two_shards_is_refused_because_loaders_differ():
    refused = checkpoint.tensors(SHARDS, {"1.safetensors": header([A]), "2.safetensors": header([A, B])})
    assert isinstance(refused, Untileable)
    assert "'a' lies in 1.safetensors and in 2.safetensors" in refused.message


@pytest.mark.parametrize("wrong", [{"a": "2.safetensors"}, {"c": "1.safetensors"}])
def test_an_index_that_names_a_tensor_where_it_is_not_is_refused(wrong):
    indexed = Checkpoint("", "model", SHARDS.shards, Index(wrong, {}, {}), indexed=True)
    refused = checkpoint.tensors(indexed, {"1.safetensors": header([A]), "2.safetensors": header([B])})
    assert isinstance(refused, Untileable)
    assert "which does not hold it" in refused.message


def test_what_no_loader_was_told_of_stays_unnamed():
    original = index.parse(written({"a": "1.safetensors"}, metadata={"made": "by hand", "total_size": 9}, more=[1]))
    assert isinstance(original, Index)
    assert json.loads(index.write(original, {"t.safetensors": [A, B]})) == {
        "metadata": {"made": "by hand", "total_size": 10},
        "more": [1],
        "weight_map": {"a": "t.safetensors"},
    }


def test_shards_that_say_different_formats_leave_none():
    headers = {"1.safetensors": header([A]), "2.safetensors": header([B])}
    assert checkpoint.format_of(SHARDS, headers) == {"format": "pt"}
    headers["2.safetensors"].metadata["format"] = "np"
    assert checkpoint.format_of(SHARDS, headers) == {}
