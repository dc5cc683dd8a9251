"""Layout `tensors` on the whole road, to a real registry: tiles that a stock library loads, and what is sent again."""

from pathlib import Path

import pytest
import yaml
from safetensors import safe_open

from shale.builder_sync.cutting import ORIGINALS
from shale.contracts.facts import LayersPlanned, Scanned
from shale.sources.reader.wire import KEY_BYTES
from shale.testkit import shards
from shale.testkit.house import House
from shale.testkit.person import Here
from shale.testkit.shards import INDEX, data_of
from shale.testkit.tensorworld import BLOCKS, dealt, model

pytestmark = pytest.mark.real_nats

PATIENT = 60.0
SAMPLE = Path(__file__).resolve().parents[3] / "deploy" / "samples" / "tensors-version.yaml"
TENSORS = [one for one in model() if one.dtype != "BF16"]  # numpy has no such type
UP = "model-model.layers-mlp.up_proj-000-003.safetensors"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Run a house whose packers have an index: what may be there is hashed before it is sent."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "key").write_bytes(b"k" * KEY_BYTES)
    (folder / "key").chmod(0o600)
    with House(folder, environ={"SHALE_READER_KEY_FILE": str(folder / "key")}) as running:
        yield running


def laid(road, name, into, tensors=TENSORS, seeds=None):
    """Have a model of so many shards lie there; return its files."""
    folder = road.house.models / name
    files = shards.write(folder, dealt(tensors, into), seeds)
    (folder / "config.json").write_text("{}")
    return files


async def built(road, name, wish, tag):
    await road.visitor.apply(name, **{"layout": "tensors", "imageTag": tag, **wish})
    return (await road.visitor.reaches(name, within=PATIENT)).status


def loaded(folder):
    found = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "np") as opened:
            found |= {key: opened.get_tensor(key).tobytes() for key in opened.keys()}  # noqa: SIM118
    return found


async def test_a_checkpoint_becomes_tiles_and_is_pulled_and_loaded(road, tmp_path):
    wish = road.named("plain", "tiles")
    files = laid(road, "tiles", 4)
    status = await built(road, "tiles", wish, "v1")
    names = [layer.name for layer in status.layers]
    assert names[0] == "small"
    assert UP in names
    assert not any(name in files for name in names)
    assert [layer.name for layer in status.layers if not layer.table] == ["small"]
    here = Here(tmp_path)
    pulled = here.shale("pull", f"{wish['imageRepo']}:v1", "out")
    assert pulled.returncode == 0, pulled.stderr
    out = tmp_path / "out"
    assert loaded(out) == {one.name: data_of(one) for one in TENSORS}
    assert (out / ORIGINALS / INDEX).read_bytes() == files[INDEX]
    verified = here.shale("verify", f"{wish['imageRepo']}:v1", "out")
    assert verified.returncode == 0, verified.stderr
    by_others = road.pulled("plain", f"{wish['imageRepo']}@{status.digest}", "arm64")
    assert by_others == {
        path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }


async def test_the_sample_is_what_users_write(road):
    sample = yaml.safe_load(SAMPLE.read_text())
    name = sample["metadata"]["name"]
    assert sample["spec"]["storage"]["localStorage"]["path"] == f"/models/{name}"
    laid(road, name, 2)
    status = await built(road, name, sample["spec"] | road.named("plain", "qwen"), sample["spec"]["imageTag"])
    assert UP in {layer.name for layer in status.layers}


async def test_only_what_changed_is_sent_whatever_the_shards(road):
    wish = road.named("plain", "changed")
    laid(road, "first", 4)
    laid(road, "again", 7, TENSORS[::-1])
    laid(road, "tuned", 4, seeds={f"model.layers.{block}.mlp.up_proj.weight": 7 for block in range(BLOCKS)})
    there = {layer.digest for layer in (await built(road, "first", wish, "v1")).layers}
    for name, new in {"again": {"small"}, "tuned": {UP}}.items():
        layers = (await built(road, name, wish, name)).layers
        assert {layer.name for layer in layers if layer.digest not in there} == new


async def test_no_fact_names_a_tensor(road):
    laid(road, "nameless", 3)
    made = await road.visitor.apply("nameless", layout="tensors", **road.named("plain", "nameless"))
    await road.visitor.reaches("nameless", within=PATIENT)
    told = [road.visitor.all_heard(kind, made.metadata.uid)[0] for kind in (Scanned, LayersPlanned)]
    assert [len(one.tiles) for one in told[0].checkpoints] == [sum(layer.tile is not None for layer in told[1].layers)]
    assert not any("weight" in str(one) for one in told)


async def test_a_model_without_safetensors_is_packed_as_files_and_says_so(road):
    files = road.model("gguf", b"w" * (17 << 20))
    status = await built(road, "gguf", road.named("plain", "gguf"), "v1")
    assert [layer.name for layer in status.layers] == ["small", "model.bin"]
    ready = next(one for one in status.conditions if one.type == "Ready")
    assert "packed as files: no safetensors checkpoint of 16 MiB or more" in ready.message
    assert len(files) == 2


async def test_a_broken_header_is_told_and_heals_when_it_is_mended(road):
    files = laid(road, "broken", 2)
    name = "model-00002-of-00002.safetensors"
    (road.house.models / "broken" / name).write_bytes(b"\x05" + bytes(7) + b"[" + bytes(20 << 20))
    await road.visitor.apply("broken", layout="tensors", **road.named("plain", "broken"))
    stalled = await road.stalls("broken", "BrokenHeader")
    assert name in stalled.message
    assert "at byte 8" in stalled.message
    (road.house.models / "broken" / name).write_bytes(files[name])
    await road.visitor.reaches("broken", within=PATIENT)
