"""`shale pack`: a folder becomes the very image that the services make of it, with no server but the registry."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from shale.oci.distribution.registry import Distribution
from shale.testkit import shards
from shale.testkit.dockerregistry import PASSWORD, USER, DockerRegistry
from shale.testkit.front import Exchange, Front
from shale.testkit.person import SHALE, Here, ended, tiny, wait_until
from shale.testkit.registries import Park
from shale.testkit.tensorworld import dealt, model

LARGE = 16 << 20


@pytest.fixture
def here(tmp_path: Path) -> Here:
    place = Here(tmp_path)
    place.environ["DOCKER_CONFIG"] = str(tmp_path)
    tiny(tmp_path)
    (tmp_path / "models" / "tiny" / "more.bin").write_bytes(os.urandom(1 << 20) * 16)
    return place


@pytest.fixture
def server(park: Park) -> DockerRegistry:
    return park.server("plain")


def pack(here: Here, image: str, *words: str) -> dict[str, Any]:
    """Pack the model; return what was told, with the layers' ways by their names."""
    ran = here.shale("pack", "models/tiny", image, *words, "-o", "json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    return told | {"how": {one["name"]: one["how"] for one in told["layers"]}}


@pytest.mark.real_nats
def test_the_image_is_the_very_one_that_the_services_make(here: Here) -> None:
    process, _ = here.up("--models", f"/models={here.folder / 'models'}", "--workers", "1")
    try:
        theirs = here.built("theirs")
        tree = json.loads(here.shale("get", "mv/theirs", "-n", "team-a", "-o", "json").stdout)
    finally:
        assert ended(process) == 0
    ours = pack(here, "models/ours:v1")
    assert ours["digest"] == tree["status"]["digest"]
    assert pack(here, theirs)["how"] == {"small": "reused", "more.bin": "reused", "weights.bin": "reused"}
    one, other = (here.folder / "home" / "registry" / "models" / name for name in ("ours", "theirs"))
    assert (one / "index.json").read_bytes() == (other / "index.json").read_bytes()


def test_what_is_there_is_not_sent_and_only_what_changed_is(here: Here, server: DockerRegistry) -> None:
    first = pack(here, f"{server.host}/models/x:v1")
    assert first["how"] == {"small": "new", "more.bin": "new", "weights.bin": "new"}
    assert first["bytes"]["new"] > 2 * LARGE
    with Front(server.host) as front:
        again = pack(here, f"{server.host}/models/x:v1")
        assert again["digest"] == first["digest"]
        assert set(again["how"].values()) == {"reused"}
        pack(here, f"{front.host}/models/x:v1")
        assert front.count("^(PUT|PATCH)") == 0
    (here.folder / "models" / "tiny" / "more.bin").write_bytes(os.urandom(1 << 20) * 16)
    second = pack(here, f"{server.host}/models/x:v2", "--like", f"{server.host}/models/x:v1")
    assert second["how"] == {"small": "reused", "more.bin": "new", "weights.bin": "reused"}
    moved = pack(here, f"{server.host}/models/y:v1", "--like", f"{server.host}/models/x:v2")
    assert moved["digest"] == second["digest"]
    assert moved["how"] == dict.fromkeys(("small", "more.bin", "weights.bin"), "mounted")
    verified = here.shale("verify", f"{server.host}/models/y:v1", "models/tiny")
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize("change", ["another size", "another byte"])
def test_a_tag_that_names_other_content_does_not_move(here: Here, server: DockerRegistry, change: str) -> None:
    image = f"{server.host}/models/x:v1"
    first = pack(here, image)
    with (here.folder / "models" / "tiny" / "config.json").open("r+b") as file:
        file.write(b"[")
    if change == "another size":
        (here.folder / "models" / "tiny" / "more.bin").write_bytes(bytes(LARGE + 1))
    ran = here.shale("pack", "models/tiny", image)
    assert (ran.returncode, ran.stderr.count("\n"), "TagTaken" in ran.stderr) == (1, 1, True), ran.stderr
    assert first["digest"] in ran.stderr
    assert json.loads(here.shale("inspect", image, "-o", "json").stdout)["digest"] == first["digest"]


def test_a_dry_run_plans_and_sends_nothing(here: Here, server: DockerRegistry) -> None:
    ran = here.shale("pack", "models/tiny", f"{server.host}/models/x:v1", "--dry-run", "-o", "json")
    told = json.loads(ran.stdout)
    files = {one["name"]: one["files"] for one in told["layers"]}
    assert files == {"small": 3, "more.bin": 1, "weights.bin": 1}
    assert not list((server.folder / "data").rglob("_layers"))


def test_tiles_are_the_same_from_any_shards_and_the_originals_come_back(here: Here, server: DockerRegistry) -> None:
    folder, other = here.folder / "models" / "tiny", here.folder / "models" / "other"
    image, tensors = f"{server.host}/models/cut", model()
    files = shards.write(folder, dealt(tensors, 3))
    files["model-lora.safetensors"] = shards.shard(tensors[:2])  # named as a tile is, and none
    (folder / "model-lora.safetensors").write_bytes(files["model-lora.safetensors"])
    first = pack(here, f"{image}:v1", "--layout", "tensors")
    tiles = [name for name in first["how"] if name.endswith(".safetensors")]
    assert len(tiles) >= 3
    assert not set(tiles) & set(files)
    again = pack(here, f"{image}:v1", "--layout", "tensors")
    assert (again["digest"], set(again["how"].values())) == (first["digest"], {"reused"})
    for path in folder.glob("model*"):
        path.unlink()
    shards.write(folder, dealt(tensors[::-1], 5))
    (folder / "model-lora.safetensors").write_bytes(files["model-lora.safetensors"])
    second = pack(here, f"{image}:v2", "--layout", "tensors", "--like", f"{image}:v1")
    assert [name for name, how in second["how"].items() if how == "new"] == ["small"]
    pulled = here.shale("pull", f"{image}:v1", str(other), "--original")
    assert pulled.returncode == 0, pulled.stderr
    assert {name: (other / name).read_bytes() for name in files} == files
    assert not (other / ".shale").exists()
    assert not [name for name in tiles if (other / name).exists()]


def test_what_has_nothing_to_cut_is_packed_as_files_and_says_so(here: Here) -> None:
    ran = here.shale("pack", "models/tiny", "models/x:v1", "--layout", "tensors")
    assert ran.returncode == 0, ran.stderr
    assert "packed as files" in ran.stderr


def test_globs_say_what_is_packed(here: Here) -> None:
    told = pack(here, "models/x:v1", "--include", "*.bin", "--include", "config.json", "--exclude", "more.*")
    assert list(told["how"]) == ["small", "weights.bin"]
    assert here.shale("pull", "models/x:v1", "out").returncode == 0
    assert sorted(path.name for path in (here.folder / "out").iterdir()) == ["config.json", "weights.bin"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(("none", "models/x:v1"), 1, "SourceNotFound", id="no such folder"),
        pytest.param(("models/tiny/config.json", "models/x:v1"), 1, "NotAFolder", id="a file"),
        pytest.param(("models/tiny", "models/x"), 2, "REPO:TAG", id="no tag"),
        pytest.param(("models/tiny", "models/x:v1", "--exclude", "*"), 1, "EmptySource", id="nothing is left"),
        pytest.param(("models/tiny", "models/x:v1", "--like", "models/x:v0"), 1, "models/x:v0 is not", id="like none"),
        pytest.param(("models/tiny", "127.0.0.1:1/x:v1"), 1, "127.0.0.1:1", id="no registry"),
    ],
)
def test_what_cannot_be_packed_is_one_line(here: Here, words: tuple[str, ...], code: int, said: str) -> None:
    ran = here.shale("pack", *words)
    assert (ran.returncode, ran.stderr.count("\n"), said in ran.stderr) == (code, 1, True), ran.stderr


def test_shale_s_own_state_is_never_packed(here: Here, server: DockerRegistry) -> None:
    """`shale pack .` in the folder where `shale up` was run, or whose layouts lie in it."""
    (here.folder / "home").mkdir(exist_ok=True)
    (here.folder / "home" / "key").write_text("of the pool")
    for image in (f"{server.host}/models/x:v1", "models/x:v1"):
        ran = here.shale("pack", ".", image)
        assert (ran.returncode, ran.stderr.count("\n")) == (1, 1), ran.stderr
        assert "is Shale's own, and lies in .: leave it out with --exclude home" in ran.stderr
        assert here.shale("pack", ".", image, "--exclude", "home").returncode == 0
    assert here.shale("pack", ".", f"{server.host}/models/x:v1", "--exclude", "home").returncode == 0, "as it was"


def test_what_was_sent_is_a_hint_that_can_be_noted_nowhere(here: Here, server: DockerRegistry) -> None:
    (here.folder / "cache").write_text("a file")
    assert set(pack(here, f"{server.host}/models/x:v1")["how"].values()) == {"new"}


def test_with_a_login_and_without_one(here: Here, park: Park) -> None:
    server = park.server("token")
    refused = here.shale("pack", "models/tiny", f"{server.host}/models/x:v1")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "docker login" in refused.stderr
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (here.folder / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": auth}}}))
    assert set(pack(here, f"{server.host}/models/x:v1")["how"].values()) == {"new"}


SENT = {"small": "reused", "more.bin": "reused", "weights.bin": "reused"}
CUTS = [
    pytest.param("^(PATCH|PUT) .*/uploads/", dict.fromkeys(SENT, "new"), id="amid its layers"),
    pytest.param("^PUT .*/manifests/", SENT, id="before its manifests"),
]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("where", "then"), CUTS)
def test_who_is_ended_amid_a_pack_leaves_no_name_and_the_next_sends_only_the_rest(
    here: Here, park: Park, server: DockerRegistry, how: signal.Signals, where: str, then: dict[str, str]
) -> None:
    gone = Event()

    def held(exchange: Exchange) -> None:
        gone.wait(60)
        exchange.reply(503)  # who does not hear that it is to end tries again

    with Front(server.host) as front:
        front.on(where, held, times=1000)
        words = [*SHALE, "pack", "models/tiny", f"{front.host}/models/x:v1"]
        process = subprocess.Popen(words, env=here.environ, cwd=here.folder, stderr=subprocess.PIPE, text=True)
        assert wait_until(lambda: front.count(where))
        process.send_signal(how)
        gone.set()
        _, said = process.communicate(timeout=60)
        assert (process.returncode in {-signal.SIGKILL, 143, 130}, "Traceback" in said) == (True, False), said
        assert Distribution(park.options("plain")).tags("models/x") == ()
        front.calm()
        assert pack(here, f"{front.host}/models/x:v1")["how"] == then
        assert how != signal.SIGTERM or said == "shale: terminated\n"
    assert not (here.folder / "cache" / "shale" / "packing").exists()
    assert here.shale("verify", f"{server.host}/models/x:v1", "models/tiny").returncode == 0
