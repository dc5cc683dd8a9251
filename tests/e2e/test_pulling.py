"""`pull --have`, `--original`'s road and `diff` as a person meets them: real processes, registries and services."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from shale.oci.distribution.registry import Distribution
from shale.testkit.front import Exchange, Front, ignore_range
from shale.testkit.images import publish
from shale.testkit.person import SHALE, Here, alive, ended, pids, wait_until
from shale.testkit.registries import Park
from shale.testkit.tensors import checkpoint, random_tensors

REPO = "models/x"
WEIGHTS = "model.safetensors"
NAMES = [f"layer.{number}" for number in range(60)]
BASE = random_tensors(NAMES, 300_000)
NEW = BASE | random_tensors(NAMES[3::10], 300_000, seed=1)
SIZE = len(checkpoint(NEW))


class Door:
    """A registry with two versions behind a server that counts the bytes of all its answers."""

    def __init__(self, front: Front) -> None:
        self.front, self.sent = front, 0
        front.default = self.count

    def count(self, exchange: Exchange) -> None:
        reply = exchange.forward()
        self.sent += len(reply.data)
        exchange.reply(reply.status, reply.headers, reply.data)

    def image(self, tag: str) -> str:
        return f"{self.front.host}/{REPO}:{tag}"


@pytest.fixture
def here(tmp_path: Path) -> Here:
    place = Here(tmp_path)
    place.environ["DOCKER_CONFIG"] = str(tmp_path)
    return place


@pytest.fixture
def door(park: Park) -> Iterator[Door]:
    server = park.server("plain")
    registry = Distribution(park.options("plain"))
    for tag, tensors in (("v1", BASE), ("v2", NEW)):
        publish(registry, REPO, tag, {"config.json": b"{}"}, weights={WEIGHTS: checkpoint(tensors)})
    registry.close()
    with Front(server.host) as front:
        yield Door(front)


def had(here: Here, tensors: Mapping[str, bytes] = BASE) -> None:
    folder = here.folder / "had"
    folder.mkdir()
    (folder / "other.safetensors").write_bytes(checkpoint(tensors))


def held(here: Here, name: str = "out") -> bool:
    return (here.folder / name / WEIGHTS).read_bytes() == checkpoint(NEW)


def test_a_tenth_that_changed_is_a_tenth_that_is_sent(here: Here, door: Door) -> None:
    had(here)
    done = here.shale("pull", door.image("v2"), "out", "--have", "had", "-o", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert held(here)
    assert found["fetched"] <= door.sent <= 0.11 * SIZE
    assert here.shale("verify", door.image("v2"), "out").returncode == 0
    told = here.shale("diff", door.image("v1"), door.image("v2")).stdout
    assert "tensors  54 shared (15.4Mi), 6 changed (1.7Mi)" in told


def test_a_registry_that_sends_the_whole_is_asked_for_it_once(here: Here, door: Door) -> None:
    had(here)
    door.front.on("GET .*/blobs/", ignore_range, times=99)
    done = here.shale("pull", door.image("v2"), "out", "--have", "had")
    assert (done.returncode, held(here)) == (0, True), done.stderr
    assert (done.stderr.count("\n"), "whole layers are fetched" in done.stderr) == (1, True)
    large = [one for one in door.front.seen if one.method == "GET" and "/blobs/" in one.path]
    assert len(large) <= 4  # the small layer, the table, the first range, the layer


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_a_pull_that_was_killed_goes_on(here: Here, door: Door, share: float) -> None:
    sent = int(SIZE * share)

    def stall(exchange: Exchange) -> None:
        data = exchange.forward().data
        if len(data) < SIZE:
            exchange.reply(200, {}, data)
        else:
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            exchange.drip(head + data[:sent], b"")

    door.front.on("GET .*/blobs/", stall, times=99)
    process = subprocess.Popen([*SHALE, "pull", door.image("v2"), "out"], env=here.environ, cwd=here.folder)
    part = here.folder / ".out.shale-pull" / "files" / WEIGHTS
    try:
        assert wait_until(lambda: part.exists() and part.stat().st_size > sent - 4 * 2**20)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    door.front.calm()
    door.sent = 0
    done = here.shale("pull", door.image("v2"), "out", "-o", "json")
    assert (done.returncode, held(here)) == (0, True), done.stderr
    assert json.loads(done.stdout)["reused"] > sent - 5 * 2**20
    assert door.sent < SIZE - sent + 5 * 2**20
    assert not (here.folder / ".out.shale-pull").exists()


def test_what_is_no_folder_is_the_callers_mistake(here: Here) -> None:
    done = here.shale("pull", "models/x:v1", "out", "--have", "nowhere")
    assert (done.returncode, done.stderr.count("\n"), "--have nowhere is no folder" in done.stderr) == (2, 1, True)


@pytest.fixture
def packed(tmp_path: Path) -> Iterator[Here]:
    """Have both versions packed by real services."""
    place = Here(tmp_path)
    for name, tensors in (("old", BASE), ("new", NEW)):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        (folder / WEIGHTS).write_bytes(checkpoint(tensors))
        (folder / "config.json").write_text("{}")
    process, state = place.up("--models", f"/models={tmp_path / 'models'}")
    try:
        for name in ("old", "new"):
            storage = {"localStorage": {"path": f"/models/{name}", "nodeName": "here"}}
            manifest = place.version(name, storage=storage, deletionPolicy="Delete")
            assert place.shale("apply", "-f", str(manifest)).returncode == 0
            ready = place.shale("wait", f"mv/{name}", "-n", "team-a", "--timeout", "60s")
            assert ready.returncode == 0, ready.stderr
        yield place
    finally:
        assert ended(process) == 0
        assert not any(alive(pid) for pid in pids(state))


@pytest.mark.real_nats
def test_what_services_pack_is_pulled_by_its_tables_and_goes_with_its_version(packed: Here) -> None:
    tree = json.loads(packed.shale("inspect", "models/new:v1", "-o", "json").stdout)
    assert [bool(layer["table"]) for layer in tree["layers"]] == [False, True]
    assert packed.shale("pull", "models/old:v1", "before").returncode == 0
    done = packed.shale("pull", "models/new:v1", "out", "--have", "before", "-o", "json")
    assert (done.returncode, held(packed)) == (0, True), done.stderr
    assert json.loads(done.stdout)["fetched"] <= 0.11 * SIZE
    same = packed.shale("pull", "models/new:v1", "same", "--original", "-o", "json")
    assert (same.returncode, held(packed, "same")) == (0, True), same.stderr
    assert packed.shale("delete", "mv/new", "-n", "team-a").returncode == 0
    blobs = packed.folder / "home" / "registry" / "models" / "new" / "blobs" / "sha256"
    assert wait_until(lambda: not any(blobs.iterdir()))
