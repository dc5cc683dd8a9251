"""An image as one file: what is written is read again, and nobody else's file harms us."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shale.cli.places import Place
from shale.oci import archive, digest, tarball, unarchive, whole
from shale.oci.descriptor import Descriptor
from shale.oci.layout import Layout
from shale.oci.whole import Whole
from shale.testkit.images import publish

REPO = "models/x"
WEIGHTS = st.dictionaries(st.sampled_from(["a.bin", "b.bin", "c.bin"]), st.binary(max_size=3000), max_size=3)


def image_in(folder: Path, weights: dict[str, bytes]) -> tuple[Place, Whole]:
    registry = Layout(folder)
    layers = {name[0]: {name: data} for name, data in weights.items()}
    index = publish(registry, REPO, "v1", {"config.json": b"{}"}, **layers).index
    place = Place(registry, REPO, "", "")
    return place, whole.gather(index, place)


def written(place: Place, image: Whole, path: Path, without: frozenset[str] = frozenset()) -> bytes:
    with path.open("wb") as file:
        for piece in archive.frame(image, "v1", without):
            if isinstance(piece, Descriptor):
                found = place.registry.pull(place.repo, piece.digest)
                assert found is not None
                file.writelines(found)
            else:
                file.write(piece)
    return path.read_bytes()


@settings(max_examples=15, deadline=None)
@given(weights=WEIGHTS)
def test_what_is_written_is_read_again_with_every_digest(tmp_path_factory: Any, weights: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("archive")
    place, image = image_in(folder, weights)
    data = written(place, image, folder / "x.tar")
    assert data == written(place, image, folder / "y.tar")
    found = unarchive.read(folder / "x.tar")
    again = whole.gather(found.top("v1"), found)
    assert (again.top, set(again.blobs)) == (image.top, set(image.blobs))
    assert [one.data for one in again.documents] == [one.data for one in image.documents]
    for blob in image.blobs:
        held = found.blobs[blob.digest]
        assert digest.of(b"".join(held.blocks())) == blob.digest
        assert b"".join(held.blocks(offset=blob.size // 2)) == b"".join(held.blocks())[blob.size // 2 :]


def test_python_reads_the_archive_as_any_tar(tmp_path: Path) -> None:
    place, image = image_in(tmp_path, {"a.bin": b"x" * 700})
    written(place, image, tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as tar:
        names = tar.getnames()
        assert names[:2] == ["oci-layout", "index.json"]
        assert {member.mtime for member in tar} == {0}
        index = tar.extractfile("index.json")
        assert index is not None
        tags = [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in json.load(index)["manifests"]]
    assert tags == ["v1", "v1-modelpack"]
    assert len(names) == len(set(names)) == 2 + len(image.documents) + len(image.blobs)


def test_a_file_above_8_gib_has_a_header_that_says_so() -> None:
    head = tarball.plain(archive.name("sha256:" + "a" * 64), 9 * 2**30)
    with tarfile.open(fileobj=io.BytesIO(head + tarball.END), mode="r|") as tar:
        member = tar.next()
        assert member is not None
        assert (member.size, member.name) == (9 * 2**30, archive.name("sha256:" + "a" * 64))


def test_what_the_other_side_has_is_left_out_and_manifests_never_are(tmp_path: Path) -> None:
    place, image = image_in(tmp_path, {"a.bin": b"x" * 700})
    written(place, image, tmp_path / "x.tar", image.digests())
    found = unarchive.read(tmp_path / "x.tar")
    assert set(found.blobs) == {one.descriptor.digest for one in image.documents}
    assert whole.gather(found.top("v1"), found).blobs == image.blobs


def entry(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> Callable[[Any], None]:
    def add(tar: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.type, member.linkname = len(data), kind, link
        tar.addfile(member, io.BytesIO(data))

    return add


INDEX = entry("index.json", b'{"schemaVersion":2,"manifests":[]}')
MANY = json.dumps({"manifests": [{"mediaType": "x", "digest": "y", "size": 1}] * 1001}).encode()
DEEP = b'{"manifests":[],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
OTHER = b'{"imageLayoutVersion":"9.9.9"}'
LAID = entry("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
CURE = "copy the file again, or export the image again"
BLOB = "blobs/sha256/" + "a" * 64


@pytest.mark.parametrize(
    ("adds", "said"),
    [
        pytest.param([entry("../index.json")], "no part of an image layout", id="a name that climbs"),
        pytest.param([entry("/index.json")], "no part of an image layout", id="a name from the root"),
        pytest.param([entry("blobs/sha256/../x")], "no part of an image layout", id="a blob that climbs"),
        pytest.param([entry(BLOB, kind=tarfile.SYMTYPE, link="/etc/passwd")], "a link or a device", id="a link"),
        pytest.param([entry(BLOB, kind=tarfile.LNKTYPE, link="oci-layout")], "a link or a device", id="a hard link"),
        pytest.param([entry(BLOB, kind=tarfile.CHRTYPE)], "a link or a device", id="a device"),
        pytest.param([entry("models", kind=tarfile.DIRTYPE)], "a folder 'models'", id="a folder of its own"),
        pytest.param([entry("blobs/sha512/" + "a" * 128)], "no part of an image layout", id="another hash"),
        pytest.param([INDEX, INDEX], "twice", id="an index twice"),
        pytest.param([INDEX, entry(BLOB), entry(f"./{BLOB}")], "twice", id="a blob twice"),
        pytest.param([LAID], "holds no index.json", id="no index"),
        pytest.param([INDEX], "holds no oci-layout", id="no layout"),
        pytest.param([INDEX, entry("oci-layout", b"{}")], "cannot be read", id="a layout that says nothing"),
        pytest.param([INDEX, entry("oci-layout", OTHER)], "layout of version '9.9.9'", id="a layout of another kind"),
        pytest.param([LAID, entry("index.json", b" " * (4 * 2**20 + 1))], "no manifest is larger", id="a huge index"),
        pytest.param([LAID, entry("index.json", b"[1]")], "object", id="an index that is none"),
        pytest.param([LAID, entry("index.json", b"[" * 100_000)], CURE, id="an index that is deep"),
        pytest.param([LAID, entry("index.json", DEEP)], CURE, id="an index with something deep in it"),
        pytest.param(
            [LAID, entry("index.json", MANY)], "more than 1000", id="an index of very many"
        ),
    ],
)  # fmt: skip
def test_what_is_no_layout_of_an_image_is_refused_in_one_line(
    tmp_path: Path, adds: list[Callable[[Any], None]], said: str
) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for add in adds:
            add(tar)
    with pytest.raises(ValueError, match=said) as caught:
        unarchive.read(tmp_path / "x.tar")
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(at=st.floats(0, 1), noise=st.binary(min_size=1, max_size=40))
def test_whatever_is_damaged_nothing_else_than_what_was_written_comes_out(
    tmp_path_factory: Any, at: float, noise: bytes
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    place, image = image_in(folder, {"a.bin": b"x" * 700})
    data = written(place, image, folder / "x.tar")
    start = int(at * (len(data) - len(noise)))
    for spoilt in (data[:start] + noise + data[start + len(noise) :], data[:start], data[:start] + noise):
        (folder / "x.tar").write_bytes(spoilt)
        try:
            found = unarchive.read(folder / "x.tar")
            again = whole.gather(found.top("v1"), found)
        except ValueError:
            continue
        assert {one.descriptor.digest: one.data for one in again.documents}.items() <= {
            one.descriptor.digest: one.data for one in image.documents
        }.items()


def test_of_several_images_the_tag_says_which(tmp_path: Path) -> None:
    first = Layout(tmp_path)
    one = publish(first, REPO, "v1", {"config.json": b"1"}).index
    two = publish(first, REPO, "v2", {"config.json": b"2"}).index
    folder = tmp_path / "models" / "x"
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(folder, ".")
    found = unarchive.read(tmp_path / "x.tar")
    assert (found.top("v1").digest, found.top("v2").digest) == (one.digest, two.digest)
    with pytest.raises(ValueError, match=r"2 images \(v1, v2\): of several, the one is taken whose tag"):
        found.top("v3")
