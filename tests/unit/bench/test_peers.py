"""Peers are other makers' commands over folders of their own: plain http, and nothing of this machine's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from shale.testkit.bench.peers import PEERS, Peer, Task, missing


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (tmp_path / "model").mkdir()
    (tmp_path / "work").mkdir()
    for name in ("b.safetensors", "a.json"):
        (tmp_path / "model" / name).touch()
    return Task(tmp_path / "model", "127.0.0.1:5000", "bench/model", tmp_path / "work")


@pytest.mark.parametrize("peer", [pytest.param(peer, id=peer.name) for peer in PEERS])
def test_every_peer_pushes_the_model_to_the_image_and_works_in_its_own_folder(peer: Peer, task: Task, tmp_path: Path):
    steps = peer.steps(tmp_path / "tools", task)
    assert any(task.image in word for word in steps[-1].command)
    assert {step.cwd for step in steps} <= {task.work, task.model}
    assert all(step.environ.get("TMPDIR", str(task.work)).startswith(str(task.work)) for step in steps)
    programs = {str(tmp_path / "tools" / need) for need in peer.needs}
    assert programs == {step.command[0] for step in steps} - {"tar"}


def test_who_is_not_there_is_named(tmp_path: Path):
    peer = next(peer for peer in PEERS if peer.name == "umoci + skopeo")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "umoci").touch()
    assert missing(peer, tmp_path) == "bin/skopeo not to be had: python3 tools/fetch_peers.py says why"
    (tmp_path / "bin" / "skopeo").touch()
    assert missing(peer, tmp_path) == ""
