"""What only the folder can do; what every registry does is in tests/contract/doors/test_registry.py."""

import json
import signal
import subprocess
import sys

import pytest

from shale.contracts.errors import Transient
from shale.oci import digest, indexfile, manifest
from shale.oci.layout import Layout
from shale.oci.registry import Data, Pushed, push
from shale.testkit.bodies import Cut, Enough
from shale.testkit.fulldisk import no_more_than

REPO = "localhost:5000/models/resnet"


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def pushed(registry, repo, body, expected=None):
    """Push a blob that nothing refuses."""
    found = push(registry, repo, body, expected)
    assert isinstance(found, Pushed)
    return found


def put(layout, tag, repo=REPO, **fields):
    config = pushed(layout, repo, b"{}")
    described = manifest.Descriptor("text/plain", config.digest, config.size)
    document = manifest.canonical(manifest.Manifest(described, (), 2, **fields))
    return layout.put_manifest(repo, document, manifest.IMAGE_MANIFEST, tag)


def test_a_repository_is_an_image_layout_of_its_own(layout, tmp_path):
    found = put(layout, "v1")
    folder = tmp_path / "localhost+5000" / "models" / "resnet"
    assert files(folder) == {
        "oci-layout",
        "index.json",
        f"blobs/sha256/{digest.of(b'{}')[7:]}",
        f"blobs/sha256/{found.digest[7:]}",
    }
    assert json.loads((folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((folder / "index.json").read_text()) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": found.digest,
                "size": found.size,
                "annotations": {"org.opencontainers.image.ref.name": "v1"},
            }
        ],
    }


def test_asking_makes_no_folder(layout, tmp_path):
    assert layout.has(REPO, digest.of(b"")) is None
    assert layout.resolve(REPO, "v1") is None
    assert layout.tags(REPO) == ()
    assert not layout.mount(REPO, digest.of(b""), "other/repo")
    assert not layout.untag(REPO, "v1")
    assert list(tmp_path.iterdir()) == []


def test_a_mounted_blob_takes_no_second_place(layout, tmp_path):
    blob = pushed(layout, "team/a", b"weights")
    assert layout.mount("team/b", blob.digest, "team/a")
    one, other = (tmp_path / "team" / repo / "blobs" / "sha256" / blob.digest[7:] for repo in "ab")
    assert one.samefile(other)


def test_a_blob_that_is_there_is_not_written_again(layout, tmp_path):
    blob = next(tmp_path.rglob(pushed(layout, REPO, b"weights").digest[7:]))
    before = blob.stat()
    push(layout, REPO, b"weights")
    assert (blob.stat().st_ino, blob.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_running_upload_lies_beside_the_repositories(layout, tmp_path):
    met = []

    def look(done):
        met.append([path.parent.name for path in tmp_path.rglob("*") if path.is_file()])
        raise Enough(done)

    with layout.upload(REPO) as upload, pytest.raises(Enough):
        upload.send(Data(b"weights"), moved=look)
    assert met == [[".uploads"]]
    assert files(tmp_path) == set()


def test_what_a_killed_process_left_is_swept_by_the_next_upload(layout, tmp_path):
    code = (
        "import os, signal, sys, pathlib; from shale.oci.layout import Layout; from shale.oci.registry import Data\n"
        "with Layout(pathlib.Path(sys.argv[1])).upload('a/b') as upload:\n"
        "    upload.send(Data(b'half'), moved=lambda done: os.kill(os.getpid(), signal.SIGKILL))"
    )
    died = subprocess.run([sys.executable, "-c", code, tmp_path], timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(files(tmp_path)) == 1
    with layout.upload(REPO):
        assert len(files(tmp_path)) == 1
    assert files(tmp_path) == set()


def test_uploads_of_the_living_are_never_swept(layout, tmp_path):
    met = []

    def another(done):
        with layout.upload(REPO) as second:
            assert second.send(Data(b"two"), moved=lambda done: met.append((done, len(files(tmp_path))))).size == done

    with layout.upload(REPO) as first:
        assert first.send(Data(b"one"), moved=another).size == 3
    assert met == [(3, 2)]


def test_a_full_disk_is_told_and_nothing_half_is_published(layout, tmp_path):
    with (
        no_more_than(1024),
        pytest.raises(Transient, match=r"cannot write the blob .+: the file would be larger"),
    ):
        push(layout, REPO, Cut(b"x" * 1600, 800))
    assert files(tmp_path) == set()


def test_a_full_disk_leaves_the_index_as_it_was(layout, tmp_path):
    found = put(layout, "v1")
    data = layout.manifest(REPO, found.digest)
    with no_more_than(found.size), pytest.raises(Transient, match=r"cannot tag .+:v2: the file would be larger"):
        layout.put_manifest(REPO, data, found.media_type, "v2")
    assert layout.tags(REPO) == ("v1",)
    assert list(tmp_path.rglob("*.new")) == []


def test_a_damaged_manifest_is_told_with_its_cure(layout, tmp_path):
    found = put(layout, "v1")
    next(tmp_path.rglob(found.digest[7:])).write_bytes(b"{" + b" " * (found.size - 1))
    with pytest.raises(ValueError, match=r"is damaged: .+; delete that blob and push it again"):
        layout.manifest(REPO, found.digest)


def test_a_blob_that_is_too_large_for_a_manifest_is_not_read(layout):
    large = pushed(layout, REPO, bytes(2**20) * 5)
    with pytest.raises(ValueError, match="no manifest is larger than"):
        layout.manifest(REPO, large.digest)


def test_an_index_that_another_tool_wrote_is_read(layout, tmp_path):
    found = put(layout, "v1")
    index = tmp_path / "localhost+5000/models/resnet/index.json"
    entry = {"mediaType": found.media_type, "digest": found.digest, "size": found.size}
    index.write_text(json.dumps({"schemaVersion": 2, "annotations": {"a": "b"}, "manifests": [entry]}))
    assert layout.tags(REPO) == ()
    assert put(layout, "v2", annotations={"of": "v2"}) == layout.resolve(REPO, "v2")
    assert len(indexfile.read(index.parent)) == 2


def test_two_processes_that_tag_at_once_lose_no_tag(layout, tmp_path):
    put(layout, "v0")
    code = (
        "import sys, pathlib; from shale.oci.layout import Layout\n"
        "layout = Layout(pathlib.Path(sys.argv[1])); named = layout.resolve(sys.argv[2], 'v0')\n"
        "for number in range(20): layout.put_manifest("
        "sys.argv[2], layout.manifest(sys.argv[2], named.digest), named.media_type, f'{sys.argv[3]}{number}')"
    )
    command = [sys.executable, "-c", code, str(tmp_path), REPO]
    running = [subprocess.Popen([*command, name]) for name in "ab"]
    assert [process.wait(60) for process in running] == [0, 0]
    assert len(layout.tags(REPO)) == 41


def test_a_deleted_manifest_takes_what_it_alone_names(layout):
    shared, own = pushed(layout, REPO, b"shared"), pushed(layout, REPO, b"own")
    loose = pushed(layout, REPO, b"nobody names it yet")

    def image(tag, *layers):
        config = pushed(layout, REPO, tag.encode())
        described = [manifest.Descriptor("text/plain", one.digest, one.size) for one in (config, *layers)]
        document = manifest.Manifest(described[0], tuple(described[1:]), 2)
        return layout.put_manifest(REPO, manifest.canonical(document), manifest.IMAGE_MANIFEST, tag)

    one, other = image("v1", shared, own), image("v2", shared)
    assert layout.delete(REPO, one.digest)
    there = {one.digest: layout.has(REPO, one.digest) is not None for one in (shared, own, loose, one, other)}
    assert there == {shared.digest: True, own.digest: False, loose.digest: True, one.digest: False, other.digest: True}
    assert layout.has(REPO, digest.of(b"v1")) is None
    assert layout.has(REPO, digest.of(b"v2")) == 2
    assert not layout.delete(REPO, one.digest)


def test_a_manifest_by_digest_alone_keeps_what_it_names(layout):
    one = put(layout, "v1")
    again = put(layout, None, annotations={"a": "b"})
    assert layout.delete(REPO, one.digest)
    assert layout.has(REPO, digest.of(b"{}")) == 2
    assert layout.delete(REPO, again.digest)
    assert layout.has(REPO, digest.of(b"{}")) is None


def test_a_manifest_that_goes_while_it_is_looked_for_is_not_there(tmp_path):
    class Going(Layout):
        def has(self, repo, digest):
            found = super().has(repo, digest)
            self._blob(repo, digest).unlink()
            return found

    name = push(Layout(tmp_path), REPO, b"{}")
    assert isinstance(name, Pushed)
    assert Going(tmp_path).manifest(REPO, name.digest) is None
