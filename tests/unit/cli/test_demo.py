"""What the demo lays out, shows and proves."""

import msgspec
import pytest

from shale.cli.demo import proof
from shale.cli.demo import shelf as shelves
from shale.cli.demo.board import Board, standing
from shale.cli.demo.shelf import Folder, Served, shelf
from shale.cli.demo.weights import lay_out
from shale.cli.exits import CliError
from shale.contracts.artifact import PackedLayer
from shale.contracts.resources import ModelVersion, ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.meta import Condition, Metadata
from shale.contracts.resources.modelversion import LocalStorage, Storage

WEIGHTS, SMALL, OTHER = ("sha256:" + letter * 64 for letter in "abc")


def version(*layers, **status):
    spec = ModelVersionSpec("x", "models/x", Storage(LocalStorage("/models/x", "here")))
    return ModelVersion(Metadata(name="x"), spec, ModelVersionStatus(layers=layers, digest=OTHER, **status))


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"w" * 4096)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "a.txt").write_text("a")
    return folder


def test_two_versions_differ_in_one_small_file_and_share_the_others(source, tmp_path):
    models = lay_out(source, tmp_path / "models")
    assert (models.files, models.bytes, models.changed) == (3, 4099, "config.json")
    assert (models.first / "config.json").read_text() == "{}"
    assert (models.second / "config.json").read_text() == "{}\n"
    for path in ("model.safetensors", "sub/a.txt"):
        assert (models.first / path).samefile(models.second / path)


def test_what_is_laid_out_is_a_copy(source, tmp_path):
    before = {path: path.stat() for path in source.rglob("*") if path.is_file()}
    lay_out(source, tmp_path / "models")
    assert {path: path.stat()[:10] for path in before} == {path: found[:10] for path, found in before.items()}


def test_without_a_config_the_smallest_file_is_the_one_that_differs(source, tmp_path):
    (source / "config.json").unlink()
    assert lay_out(source, tmp_path / "models").changed == "sub/a.txt"


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_files_is_no_model(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CliError, match="--weights"):
        lay_out(tmp_path / name, tmp_path / "models")


@pytest.fixture(params=["a folder of layouts", "docker-registry"])
def registry(request, tmp_path):
    """Return either kind of registry, with three blobs."""
    folder = Folder(tmp_path / "registry", "a folder")
    found = folder if request.param.startswith("a") else Served(tmp_path / "data", "127.0.0.1:5000")
    for digest in (WEIGHTS, SMALL, OTHER):
        blob = found.blob("models/x", digest)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_text(digest)
    return found


FIRST = version(PackedLayer("small", "small", SMALL, 10), PackedLayer("w", "weight", WEIGHTS, 4096))
SECOND = version(
    PackedLayer("small", "small", OTHER, 10), PackedLayer("w", "weight", WEIGHTS, 4096, reused=True), bytes_new=10
)


def test_weights_that_lie_as_they_lay_were_not_written_again(registry):
    before = proof.weights(registry, FIRST)
    assert proof.unwritten(before, registry, FIRST, SECOND).startswith("4Ki reused, 10 new")


def test_weights_that_were_written_again_are_found_out(registry):
    before = proof.weights(registry, FIRST)
    blob = registry.blob("models/x", WEIGHTS)
    blob.rename(blob.with_name("old"))
    blob.write_text(WEIGHTS)
    with pytest.raises(CliError, match="were written again"):
        proof.unwritten(before, registry, FIRST, SECOND)


def test_weights_that_were_sent_again_are_found_out(registry):
    before = proof.weights(registry, FIRST)
    with pytest.raises(CliError, match="were sent again"):
        proof.unwritten(before, registry, FIRST, FIRST)


def test_a_registry_keeps_a_blob_once_whoever_names_it(tmp_path):
    served = Served(tmp_path / "data", "127.0.0.1:5000")
    blobs = tmp_path / "data/docker/registry/v2/blobs/sha256"
    assert served.blob("127.0.0.1:5000/models/x", WEIGHTS) == blobs / "aa" / ("a" * 64) / "data"
    assert (served.prefix, Folder(tmp_path, "a folder").prefix) == ("127.0.0.1:5000/", "")


async def test_without_docker_registry_a_folder_is_the_registry_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(shelves, "binary", lambda: None)
    async with shelf("auto", tmp_path / "r", tmp_path / "layouts", print) as found:
        assert isinstance(found, Folder)
        assert "docker-registry is not to be had here (`python3 tools/fetch_debian.py docker-registry`" in found.what
    with pytest.raises(CliError, match="there is no docker-registry here"):
        async with shelf("docker-registry", tmp_path / "r", tmp_path / "layouts", print):
            pass


@pytest.mark.parametrize(("script", "starts"), [("exit 0", True), ("exit 127", False), ("exec /nowhere/x", False)])
def test_a_docker_registry_that_does_not_start_is_none(tmp_path, monkeypatch, script, starts):
    program = tmp_path / "docker-registry"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(shelves, "__file__", str(tmp_path / "a/b/c/d/e/shelf.py"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (shelves.binary() == str(program)) is starts


async def test_a_folder_is_taken_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(shelves, "binary", lambda: pytest.fail("nobody asked for it"))
    async with shelf("layout", tmp_path / "r", tmp_path / "layouts", print) as found:
        assert (found.what, found.blob("x", WEIGHTS)) == (
            "a folder of OCI layouts, as asked",
            tmp_path / "layouts/x/blobs/sha256" / ("a" * 64),
        )


def test_without_weights_nothing_is_claimed(registry):
    assert "nothing to reuse" in proof.unwritten((), registry, FIRST, FIRST)


def test_a_version_stands_in_one_line():
    ready = Condition("Ready", "False", "Packing", "1 of 2 layers packed")
    assert standing(version()) == "Pending"
    packing = version(phase="Packing", progress="6.1/15.2Gi (40%)", conditions=(ready,))
    assert standing(packing) == "Packing 6.1/15.2Gi (40%): 1 of 2 layers packed"


def test_without_a_terminal_each_standing_is_a_line_once(capsys):
    board = Board(machine=False)
    with board.live("x") as show:
        for phase in ("Packing", "Packing", "Ready"):
            show(msgspec.structs.replace(FIRST, status=msgspec.structs.replace(FIRST.status, phase=phase)))
    assert capsys.readouterr().out == "   Packing\n   Ready\n"


def test_a_step_that_fails_is_not_on_record(capsys):
    board = Board(machine=True)
    with pytest.raises(CliError), board.step("one"):
        raise CliError("no")
    with board.step("two") as result:
        result += ["a", "b"]
    assert [(step.what, step.result) for step in board.steps] == [("two", "b")]
    assert capsys.readouterr() == ("", "1. one\n1. two\n   a\n   b\n")
