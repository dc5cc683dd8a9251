"""`shale copy` between real registries and folders: everything that belongs to an image, each digest as it was."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from shale.cli.places import Place
from shale.cli.work import THREADS
from shale.oci import digest as digests
from shale.oci import manifest, whole
from shale.oci.descriptor import IMAGE_MANIFEST, Descriptor
from shale.oci.distribution.registry import Distribution
from shale.oci.layout import Layout
from shale.oci.manifest import Image, Manifest
from shale.oci.registry import Registry, push
from shale.testkit.dockerregistry import PASSWORD, USER, DockerRegistry
from shale.testkit.front import Exchange, Front
from shale.testkit.images import publish
from shale.testkit.person import SHALE, Here, wait_until
from shale.testkit.registries import Park

REPO = "models/x"
SMALL = {"config.json": b"{}\n"}
FILES = {"a.safetensors": os.urandom(1 << 20) * 3, "b.safetensors": os.urandom(1 << 20) * 2}
TABLE = "application/vnd.shale.tensors.v1"
EMPTY = b"{}"


@pytest.fixture
def here(tmp_path: Path) -> Here:
    place = Here(tmp_path)
    place.environ["DOCKER_CONFIG"] = str(tmp_path)
    place.environ["SHALE_LAYOUT_DIR"] = str(tmp_path / "layouts")
    return place


@pytest.fixture
def far(debian_tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Return a second registry, which is empty."""
    with DockerRegistry(debian_tool("docker-registry"), tmp_path_factory.mktemp("far")) as server:
        yield server


def filled(registry: Registry, repo: str, tag: str = "v1") -> tuple[Image, str]:
    """Publish an image, and a table of its tensors that refers to it; return both."""
    image = publish(registry, repo, tag, SMALL, **{name[0]: {name: data} for name, data in FILES.items()})
    config = Descriptor("application/vnd.oci.empty.v1+json", digests.of(EMPTY), len(EMPTY))
    table = Descriptor("application/vnd.shale.tensors.layer.v1+json", digests.of(b"[1]"), 3)
    document = Manifest(config, (table,), 2, artifact_type=TABLE, subject=image.index)
    push(registry, repo, EMPTY)
    push(registry, repo, b"[1]")
    data = manifest.canonical(document)
    registry.put_manifest(repo, data, IMAGE_MANIFEST)
    return image, digests.of(data)


def at(park: Park, server: DockerRegistry) -> Distribution:
    park.server("plain")
    return Distribution(park.options("plain", home=server.host))


def is_whole(registry: Registry, repo: str, image: Image, table: str, tag: str = "v1") -> None:
    """Hold a repository to have all of an image: documents, layers, referrers, tags."""
    found = whole.gather(image.index, Place(registry, repo, "", ""))
    assert {one.descriptor.digest for one in image.manifests} | {table} <= found.digests()
    assert all(registry.has(repo, blob.digest) == blob.size for blob in found.blobs)
    for name, named in ((tag, image.index), (f"{tag}-modelpack", image.model_pack)):
        there = registry.resolve(repo, name)
        assert there is not None
        assert there.digest == named.digest


def test_everything_goes_from_one_registry_into_another(here: Here, park: Park, far: DockerRegistry) -> None:
    server = park.server("plain")
    registry, other = Distribution(park.options("plain")), Distribution(park.options("plain", home=far.host))
    image, table = filled(registry, REPO)
    done = here.shale("copy", f"{server.host}/{REPO}:v1", f"{far.host}/mirror/x:v7", "-o", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["digest"] == image.index.digest
    assert told["tags"] == ["v7-linux-amd64", "v7-linux-arm64", "v7-modelpack", "v7"]
    assert {one["how"] for one in told["blobs"]} == {"sent"}
    is_whole(other, "mirror/x", image, table, "v7")
    again = here.shale("copy", f"{server.host}/{REPO}:v1", f"{far.host}/mirror/x:v7", "-o", "json")
    assert {one["how"] for one in json.loads(again.stdout)["blobs"]} == {"there"}


def test_within_a_registry_blobs_are_mounted(here: Here, park: Park) -> None:
    server = park.server("plain")
    registry = Distribution(park.options("plain"))
    image, table = filled(registry, REPO)
    done = here.shale("copy", f"{server.host}/{REPO}:v1", f"{server.host}/models/y:v1", "-o", "json")
    assert {one["how"] for one in json.loads(done.stdout)["blobs"]} == {"mounted"}, done.stderr
    is_whole(registry, "models/y", image, table)


def test_into_a_folder_and_back_nothing_is_lost(here: Here, park: Park, far: DockerRegistry) -> None:
    server = park.server("plain")
    image, table = filled(Distribution(park.options("plain")), REPO)
    assert here.shale("copy", f"{server.host}/{REPO}:v1", "carried/x:v1").returncode == 0
    is_whole(Layout(here.folder / "layouts"), "carried/x", image, table)
    twin = here.shale("copy", "carried/x:v1", "carried/y:v1", "-o", "json")
    assert {one["how"] for one in json.loads(twin.stdout)["blobs"]} == {"mounted"}
    done = here.shale("copy", "carried/y:v1", f"{far.host}/{REPO}:v1")
    assert done.returncode == 0, done.stderr
    is_whole(Distribution(park.options("plain", home=far.host)), REPO, image, table)


def test_a_tag_that_names_other_content_moves_only_by_force(here: Here, park: Park) -> None:
    server = park.server("plain")
    registry = Distribution(park.options("plain"))
    filled(registry, REPO)
    other = publish(registry, "models/y", "v1", {"config.json": b"{ }\n"})
    words = ("copy", f"{server.host}/{REPO}:v1", f"{server.host}/models/y:v1")
    refused = here.shale(*words)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "TagTaken" in refused.stderr
    assert "--force" in refused.stderr
    there = registry.resolve("models/y", "v1")
    assert there is not None
    assert there.digest == other.index.digest
    assert registry.has("models/y", digests.of(FILES["a.safetensors"])) is None
    assert here.shale(*words, "--force").returncode == 0


@pytest.mark.parametrize("kind", ["token", "htpasswd"])
def test_into_a_registry_that_asks_who_we_are(here: Here, park: Park, kind: str) -> None:
    server = park.server(kind)
    image, table = filled(Layout(here.folder / "layouts"), REPO)
    words = ("copy", f"{REPO}:v1", f"{server.host}/{REPO}:v1")
    nobody = here.shale(*words)
    assert (nobody.returncode, nobody.stderr.count("\n")) == (1, 1)
    assert "`docker login` there, or say --secret" in nobody.stderr
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (here.folder / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": auth}}}))
    done = here.shale(*words)
    assert done.returncode == 0, done.stderr
    is_whole(Distribution(park.options(kind)), REPO, image, table)
    assert PASSWORD not in done.stderr + done.stdout + nobody.stderr


def test_a_blob_that_is_damaged_is_named_and_no_tag_moves(here: Here, park: Park) -> None:
    server = park.server("plain")
    folder = here.folder / "layouts"
    image, _ = filled(Layout(folder), REPO)
    blob = max((folder / REPO / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(blob.read_bytes())
    data[5000] ^= 1
    blob.write_bytes(data)
    done = here.shale("copy", f"{REPO}:v1", f"{server.host}/{REPO}:v1")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"the blob sha256:{blob.name} in {REPO} is damaged" in done.stderr
    registry = Distribution(park.options("plain"))
    assert registry.resolve(REPO, "v1") is None
    assert registry.resolve(REPO, image.index.digest) is None


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("models/none:v1", "models/none:v1 is not in the registry", id="nothing is there"),
        pytest.param("models/x", "names no image", id="no tag"),
        pytest.param(f"{REPO}:v1", "give a shorter one", id="a tag that leaves no room for those beside it"),
    ],
)
def test_what_cannot_be_copied_is_one_line(here: Here, source: str, said: str) -> None:
    filled(Layout(here.folder / "layouts"), REPO)
    done = here.shale("copy", source, f"models/y:{'t' * 125}")
    assert (done.returncode in {1, 2}, done.stderr.count("\n"), said in done.stderr) == (True, 1, True), done.stderr


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_who_is_ended_amid_a_copy_leaves_no_name_and_the_next_goes_on(
    here: Here, park: Park, how: signal.Signals
) -> None:
    server = park.server("plain")
    image, table = filled(Layout(here.folder / "layouts"), REPO)
    registry = Distribution(park.options("plain"))
    ended = Event()

    def held(exchange: Exchange) -> None:
        ended.wait(60)
        exchange.reply(503)  # who does not hear that it is to end tries again

    with Front(server.host) as front:
        front.on("^(PATCH|PUT) .*/uploads/", held, times=1000)
        words = [*SHALE, "copy", f"{REPO}:v1", f"{front.host}/{REPO}:v1"]
        process = subprocess.Popen(words, env=here.environ, stderr=subprocess.PIPE, text=True)
        assert wait_until(lambda: front.count("^(PATCH|PUT) .*/uploads/"))
        process.send_signal(how)
        ended.set()
        _, said = process.communicate(timeout=60)
    assert process.returncode in {-signal.SIGKILL, 143, 130}
    assert "Traceback" not in said
    assert registry.tags(REPO) == ()
    assert registry.resolve(REPO, image.index.digest) is None
    done = here.shale("copy", f"{REPO}:v1", f"{server.host}/{REPO}:v1", "-o", "json")
    assert done.returncode == 0, done.stderr
    is_whole(registry, REPO, image, table)
    assert len(json.loads(done.stdout)["blobs"]) > THREADS
