"""Paths as users write them: where they lead, and what is said of those that lead nowhere or out."""

import os

import pytest

from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.decision import Wait
from shale.runtime.service import Woken
from shale.sources import roots
from shale.storage_provisioner.decide import Problem, Seen, decide
from shale.storage_provisioner.observe import place_of
from shale.testkit.toys import ABOUT


@pytest.fixture
def readable(tmp_path):
    """Return the roots: one folder with a model and links of all kinds, one that is absent, one that is a link."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "m").mkdir(parents=True)
    outside.mkdir()
    for name, target in (
        ("within", "m"),
        ("absolute", str(outside)),
        ("climbing", "../outside"),
        ("dangling", "gone"),
        ("loop", "loop"),
    ):
        (inside / name).symlink_to(target)
    (tmp_path / "root-link").symlink_to(inside)
    os.mkfifo(inside / "fifo")
    return roots.parse(f"/models={inside},/absent={tmp_path}/nothing,/linked={tmp_path}/root-link")


def local(path):
    return Storage(local_storage=LocalStorage(path, "node-1"))


@pytest.mark.parametrize("path", ["/models", "/models/", "/models/m", "/models/./m", "/models/within", "/linked/m"])
def test_what_lies_in_a_root_is_read(readable, path):
    assert place_of(local(path), readable) == f"file://{path}"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param("models/m", "OutsideRoots", id="a relative path"),
        pytest.param("m", "OutsideRoots", id="a bare name"),
        pytest.param("/", "OutsideRoots", id="the root of all"),
        pytest.param("/modelsX/m", "OutsideRoots", id="a longer namesake of a root"),
        pytest.param("/models/../outside", "OutsideRoots", id="a path that climbs"),
        pytest.param("/models/m\0x", "OutsideRoots", id="a path with a NUL"),
        pytest.param("/models/absolute", "UnsafeLink", id="a link out of the root"),
        pytest.param("/models/climbing", "UnsafeLink", id="a link that climbs out of the root"),
        pytest.param("/models/dangling", "SourceNotFound", id="a link to nothing"),
        pytest.param("/models/loop", "NotAFolder", id="a link to itself"),
        pytest.param("/models/fifo", "NotAFolder", id="a pipe"),
        pytest.param("/absent/m", "SourceNotFound", id="a root that is not there"),
        pytest.param("/models/m%2e%2e", "SourceNotFound", id="a name that looks encoded"),
        pytest.param(f"/models/{'x' * 300}", "SourceNotFound", id="a name that no disk takes"),
    ],
)
def test_what_leads_nowhere_or_out_stalls_with_a_cure_and_is_looked_at_again(readable, path, reason):
    problem = place_of(local(path), readable)
    assert isinstance(problem, Problem)
    assert problem.reason == reason
    assert ": " in problem.message, "the cause, then the cure"
    waits = decide(Woken(ABOUT), Seen(ABOUT, local(path), 7.0, settled=False, place=problem))
    assert isinstance(waits, Wait)
    assert (waits.stalled, waits.again_in is not None) == (True, True)
