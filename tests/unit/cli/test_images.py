"""Images by the names that people give them."""

import os
from pathlib import Path

import pytest

from shale.cli import images
from shale.cli.commands.pull import How, pull
from shale.cli.commands.verify import verify
from shale.cli.exits import CliError, Exit
from shale.cli.registries import Store
from shale.oci.layout import Layout
from shale.testkit.images import publish

DIGEST = "sha256:" + "a" * 64
FILES = {"config.json": b"{}\n", "sub/weights.bin": os.urandom(4096), "empty": b""}


@pytest.fixture
def registry(tmp_path) -> Path:
    """Return a registry that holds models/x:v1 with two layers."""
    small = {path: data for path, data in FILES.items() if path != "sub/weights.bin"}
    publish(
        Layout(tmp_path / "registry"), "models/x", "v1", small, weights={"sub/weights.bin": FILES["sub/weights.bin"]}
    )
    return tmp_path / "registry"


def at(registry):
    return Store(Layout(registry), str(registry))


def blob_of(registry, text):
    (found,) = [path for path in (registry / "models/x/blobs/sha256").iterdir() if text in path.read_bytes()]
    return found


@pytest.mark.parametrize(
    ("text", "repo", "tag", "digest"),
    [
        ("models/x:v1", "models/x", "v1", ""),
        ("registry.example:5000/models/x:v1", "registry.example:5000/models/x", "v1", ""),
        (f"models/x@{DIGEST}", "models/x", "", DIGEST),
        (f"models/x:v1@{DIGEST}", "models/x", "v1", DIGEST),
    ],
)
def test_a_reference_has_a_tag_or_a_digest_or_both(text, repo, tag, digest):
    found = images.parse(text)
    assert (found.repo, found.tag, found.digest, str(found)) == (repo, tag, digest, text)


@pytest.mark.parametrize(
    "text", ["models/x", "localhost:5000/x", "a@sha256:12", ":v1", "../x:v1", "Models:v1", "x:-", ""]
)
def test_what_names_no_image_is_the_callers_mistake(text):
    with pytest.raises(CliError) as caught:
        images.parse(text)
    assert caught.value.code is Exit.USAGE


def test_what_was_packed_is_pulled_by_tag_by_digest_and_as_model_pack(registry, tmp_path):
    first = pull(at(registry), "models/x:v1", tmp_path / "tag")
    assert (first.files, first.bytes) == (len(FILES), sum(map(len, FILES.values())))
    for name in ("tag", "digest", "pack"):
        reference = {"tag": ":v1", "digest": f"@{first.digest}", "pack": ":v1-modelpack"}[name]
        pull(at(registry), f"models/x{reference}", tmp_path / name, How(force=name == "tag"))
        for path, data in FILES.items():
            assert (tmp_path / name / path).read_bytes() == data


def test_a_pull_fills_an_empty_folder_and_leaves_nothing_beside_it(registry, tmp_path):
    (tmp_path / "out").mkdir()
    pull(at(registry), "models/x:v1", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "registry"]


def test_what_a_killed_pull_left_is_no_part_of_the_next(registry, tmp_path):
    (tmp_path / ".out.shale-pull" / "sub").mkdir(parents=True)
    (tmp_path / ".out.shale-pull" / "stale").write_text("")
    pull(at(registry), "models/x:v1", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "empty", "sub"]


def test_a_file_in_the_folders_place_is_refused(registry, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(CliError, match="is no folder"):
        pull(at(registry), "models/x:v1", tmp_path / "out")


def damage(path):
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("force", [False, True])
def test_a_damaged_layer_fails_by_name_and_nothing_is_written(registry, tmp_path, force):
    damage(blob_of(registry, FILES["sub/weights.bin"]))
    (tmp_path / "out").mkdir()
    with pytest.raises(
        CliError, match=r"layer models/sub/weights.bin \(sha256:[0-9a-f]{64}\) of models/x:v1 is damaged"
    ):
        pull(at(registry), "models/x:v1", tmp_path / "out", How(force=force))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_layer_whose_framing_is_damaged_is_damaged_too(registry, tmp_path):
    blob = blob_of(registry, FILES["sub/weights.bin"])
    blob.write_bytes(b"x" * 600 + blob.read_bytes()[600:])
    with pytest.raises(CliError, match="is damaged"):
        pull(at(registry), "models/x:v1", tmp_path / "out")
    assert any("is damaged" in line for line in verify(at(registry), "models/x:v1", registry).complaints)


def test_a_layer_that_is_not_there_is_named(registry, tmp_path):
    blob_of(registry, FILES["sub/weights.bin"]).unlink()
    with pytest.raises(CliError, match=r"layer models/sub/weights.bin .* is not there"):
        pull(at(registry), "models/x:v1", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_manifest_is_named(registry, tmp_path):
    blob = blob_of(registry, b'"platform":{"architecture":"arm64"')
    data = blob.read_bytes()
    blob.write_bytes(data.replace(b"amd64", b"amd65"))
    with pytest.raises(CliError, match="is damaged"):
        pull(at(registry), "models/x:v1", tmp_path / "out")


def test_an_image_that_is_not_there_says_where_it_was_sought(registry, tmp_path):
    with pytest.raises(CliError, match=f"models/x:v2 is not in the registry {registry}"):
        pull(at(registry), "models/x:v2", tmp_path / "out")


def test_a_whole_image_has_no_complaints(registry, tmp_path):
    pull(at(registry), "models/x:v1", tmp_path / "out")
    found = verify(at(registry), "models/x:v1", tmp_path / "out")
    assert (found.layers, found.files, found.complaints) == (2, len(FILES), [])


def test_a_damaged_config_is_complained_of(registry):
    blob = blob_of(registry, b'"architecture":"amd64","config"')
    blob.write_bytes(blob.read_bytes().replace(b"MODEL_PATH=/models", b"MODEL_PATH=/nodels"))
    complaints = verify(at(registry), "models/x:v1").complaints
    assert any(blob.name in line and "holds bytes whose digest is" in line for line in complaints)


def test_a_config_that_is_gone_is_complained_of(registry):
    blob = blob_of(registry, b'"architecture":"amd64","config"')
    blob.unlink()
    assert any(f"the config sha256:{blob.name}" in line for line in verify(at(registry), "models/x:v1").complaints)
