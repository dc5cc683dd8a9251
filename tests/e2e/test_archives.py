"""`shale export` and `shale import`: an image carried by hand, whole or only what the other side lacks."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shale.oci import digest as digests
from shale.oci.layout import Layout
from shale.testkit.dockerregistry import DockerRegistry
from shale.testkit.images import publish
from shale.testkit.person import SHALE, Here, wait_until
from shale.testkit.registries import Park

REPO = "models/x"
SHARED = os.urandom(1 << 20)


@pytest.fixture
def here(tmp_path: Path) -> Here:
    place = Here(tmp_path)
    place.environ["DOCKER_CONFIG"] = str(tmp_path)
    place.environ["SHALE_LAYOUT_DIR"] = str(tmp_path / "layouts")
    return place


@pytest.fixture
def server(park: Park) -> DockerRegistry:
    """Return an empty registry on the other side."""
    return park.server("plain")


def two(here: Here) -> tuple[str, str]:
    """Publish two versions that share a layer; return their digests."""
    registry = Layout(here.folder / "layouts")
    first = publish(registry, REPO, "v1", {"config.json": b"1"}, a={"a.bin": SHARED}, b={"b.bin": os.urandom(5000)})
    second = publish(registry, REPO, "v2", {"config.json": b"2"}, a={"a.bin": SHARED}, b={"b.bin": os.urandom(5000)})
    return first.index.digest, second.index.digest


def done(here: Here, *words: str) -> str:
    ran = here.shale(*words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_an_export_is_imported_with_the_same_digests_and_exported_again_byte_for_byte(
    here: Here, server: DockerRegistry
) -> None:
    first, _ = two(here)
    done(here, "export", f"{REPO}:v1", "v1.tar")
    told = json.loads(done(here, "import", "v1.tar", f"{server.host}/far/x:v1", "-o", "json"))
    assert told["digest"] == first
    assert {one["how"] for one in told["blobs"]} == {"sent"}
    assert "all digests right" in done(here, "verify", f"{server.host}/far/x:v1")
    done(here, "export", f"{server.host}/far/x:v1", "again.tar")
    assert (here.folder / "again.tar").read_bytes() == (here.folder / "v1.tar").read_bytes()


@pytest.mark.parametrize("by", ["a list", "an image"])
def test_only_what_the_other_side_lacks_is_carried(here: Here, server: DockerRegistry, by: str) -> None:
    _, second = two(here)
    far = f"{server.host}/far/x"
    done(here, "export", f"{REPO}:v1", "v1.tar")
    done(here, "import", "v1.tar", f"{far}:v1")
    (here.folder / "far.txt").write_text(done(here, "import", "--list", f"{far}:v1"))
    lacks = {"a list": "far.txt", "an image": f"{REPO}:v1"}[by]
    done(here, "export", f"{REPO}:v2", "v2.tar", "--lacks", lacks)
    assert (here.folder / "v2.tar").stat().st_size < 50_000
    told = json.loads(done(here, "import", "v2.tar", f"{far}:v2", "-o", "json"))
    assert told["digest"] == second
    assert [one["how"] for one in told["blobs"] if one["size"] > len(SHARED)] == ["there"]
    assert "all digests right" in done(here, "verify", f"{far}:v2")


def test_an_archive_that_lacks_what_the_registry_lacks_is_refused_by_name(here: Here, server: DockerRegistry) -> None:
    two(here)
    done(here, "export", f"{REPO}:v2", "v2.tar", "--lacks", f"{REPO}:v1")
    ran = here.shale("import", "v2.tar", f"{server.host}/far/x:v2")
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    layers = json.loads(done(here, "inspect", f"{REPO}:v2", "-o", "json"))["layers"]
    assert f"v2.tar lacks {layers[1]['digest']}" in ran.stderr
    assert "shale import --list" in ran.stderr
    assert not (server.folder / "data").exists() or "far" not in str(list((server.folder / "data").rglob("_layers")))


def test_skopeo_reads_an_export(here: Here, debian_tool: Callable[[str], str]) -> None:
    first, _ = two(here)
    done(here, "export", f"{REPO}:v1", "v1.tar")
    archive, folder = f"oci-archive:{here.folder}/v1.tar", here.folder / "out"
    for tag in ("v1", "v1-modelpack"):
        command = [debian_tool("skopeo"), "--insecure-policy", "copy", "--all", "--preserve-digests"]
        command += [f"{archive}:{tag}", f"oci:{folder}:{tag}"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        assert ran.returncode == 0, ran.stderr
    entries = json.loads((folder / "index.json").read_text())["manifests"]
    assert first in {entry["digest"] for entry in entries}


def test_what_skopeo_archives_is_imported(here: Here, debian_tool: Callable[[str], str]) -> None:
    first, _ = two(here)
    source = f"oci:{here.folder}/layouts/{REPO}:v1"
    command = [
        debian_tool("skopeo"),
        "--insecure-policy",
        "copy",
        "--all",
        "--preserve-digests",
        source,
        "oci-archive:theirs.tar:v1",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=100, cwd=here.folder)
    assert first in done(here, "import", "theirs.tar", "models/theirs:v1")


def spoil(path: Path, blob: str) -> None:
    """Write the archive anew, with other bytes in one blob."""
    with tarfile.open(path) as tar:
        held = [(one, tar.extractfile(one)) for one in tar]
        parts = [(one, file.read() if file else b"") for one, file in held]
    with tarfile.open(path, "w") as tar:
        for one, data in parts:
            tar.addfile(one, io.BytesIO(b"!" + data[1:] if one.name.endswith(blob) else data))


def test_a_blob_of_a_wrong_digest_is_named_and_nothing_is_published(here: Here, server: DockerRegistry) -> None:
    two(here)
    done(here, "export", f"{REPO}:v1", "v1.tar")
    layers = json.loads(done(here, "inspect", f"{REPO}:v1", "-o", "json"))["layers"]
    spoil(here.folder / "v1.tar", layers[1]["digest"].removeprefix("sha256:"))
    ran = here.shale("import", "v1.tar", f"{server.host}/far/x:v1")
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert f"v1.tar: {layers[1]['digest']} holds bytes whose digest is" in ran.stderr
    assert here.shale("pull", f"{server.host}/far/x:v1", "out").returncode == 1


@pytest.mark.parametrize("cut", [0, 100, 700, 5000, 1 << 20])
def test_a_file_that_is_cut_short_is_one_line(here: Here, server: DockerRegistry, cut: int) -> None:
    two(here)
    done(here, "export", f"{REPO}:v1", "v1.tar")
    path = here.folder / "v1.tar"
    path.write_bytes(path.read_bytes()[:cut])
    ran = here.shale("import", "v1.tar", f"{server.host}/far/x:v1")
    assert (ran.returncode, ran.stderr.count("\n"), "bug" in ran.stderr) == (1, 1, False), ran.stderr
    assert "v1.tar" in ran.stderr


def test_a_tag_of_other_content_and_a_file_that_is_there_stay(here: Here) -> None:
    two(here)
    done(here, "export", f"{REPO}:v1", "v1.tar")
    taken = here.shale("import", "v1.tar", f"{REPO}:v2")
    assert (taken.returncode, "TagTaken" in taken.stderr) == (1, True)
    there = here.shale("export", f"{REPO}:v2", "v1.tar")
    assert (there.returncode, "is there already" in there.stderr) == (1, True)
    done(here, "export", f"{REPO}:v2", "v1.tar", "--force")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(("export", f"{REPO}:v9", "x.tar"), 1, "is not in the registry", id="no such image"),
        pytest.param(("export", f"{REPO}:v1", "none/x.tar"), 1, "none/x.tar", id="no such folder"),
        pytest.param(("export", f"{REPO}:v1", "x.tar", "--lacks", "none.txt"), 2, "no such file", id="no such list"),
        pytest.param(("export", f"{REPO}:v1", "x.tar", "--lacks", "bad.txt"), 1, "line 2: 'hello'", id="no digest"),
        pytest.param(("import", "none.tar", f"{REPO}:v3"), 1, "none.tar cannot be read", id="no such archive"),
        pytest.param(("import", "layouts", f"{REPO}:v3"), 1, "layouts cannot be read", id="a folder"),
        pytest.param(("import", "bad.txt", f"{REPO}:v3"), 1, "bad.txt: ", id="no tar"),
        pytest.param(("import", "bad.txt"), 2, "import what?", id="no image"),
        pytest.param(("import", "bad.txt", f"{REPO}@{digests.of(b'')}"), 2, "REPO:TAG", id="a digest"),
    ],
)
def test_what_cannot_be_done_is_one_line(here: Here, words: tuple[str, ...], code: int, said: str) -> None:
    two(here)
    (here.folder / "bad.txt").write_text("# a list\nhello\n")
    ran = here.shale(*words)
    assert (ran.returncode, ran.stderr.count("\n"), said in ran.stderr) == (code, 1, True), ran.stderr
    assert not list(here.folder.glob(".*.shale-export"))
    assert not (here.folder / "x.tar").exists()


def test_an_export_that_is_killed_leaves_no_file_of_that_name_and_the_next_one_clears_up(here: Here) -> None:
    registry = Layout(here.folder / "layouts")
    publish(registry, REPO, "v1", {"config.json": b"1"}, a={"a.bin": os.urandom(1 << 20) * 60})
    process = subprocess.Popen([*SHALE, "export", f"{REPO}:v1", "x.tar"], env=here.environ, cwd=here.folder)
    beside = here.folder / ".x.tar.shale-export"
    assert wait_until(lambda: beside.exists() and beside.stat().st_size)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    if (here.folder / "x.tar").exists():
        pytest.skip("it was done before it could be killed")
    done(here, "export", f"{REPO}:v1", "x.tar")
    assert not beside.exists()
