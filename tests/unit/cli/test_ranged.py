"""A blob as a file: any way through it reads the same bytes, and what lies between is not fetched."""

import io
import os
import tarfile

import pytest

from shale.cli.ranged import Ranged
from shale.contracts.errors import Transient
from shale.oci.layout import Layout
from shale.oci.registry import BLOCK, Pushed, push

REPO = "models/x"


@pytest.fixture
def registry(tmp_path):
    return Layout(tmp_path / "registry")


def opened(registry, data, longer=0):
    pushed = push(registry, REPO, data)
    assert isinstance(pushed, Pushed)
    return Ranged(registry, REPO, pushed.digest, pushed.size + longer)


def test_it_reads_as_a_file_does_forward_and_back(registry):
    data = os.urandom(3 * BLOCK + 17)
    with opened(registry, data) as blob:
        for offset in (0, 5, 2 * BLOCK + 1, BLOCK - 3, len(data) - 4, len(data), 0):
            assert blob.seek(offset) == offset
            found = blob.read(9)
            assert found == data[offset : offset + len(found)]
            assert found or offset == len(data)
            assert blob.tell() == offset + len(found)
        blob.seek(-4, io.SEEK_END)
        assert blob.readall() == data[-4:]


def test_all_of_it_is_all_of_it(registry):
    data = os.urandom(2 * BLOCK + 1)
    with opened(registry, data) as blob:
        assert blob.readall() == data
        assert blob.fetched == len(data)


def test_what_is_jumped_over_is_not_fetched(registry):
    data = os.urandom(1) * (40 * BLOCK)
    with opened(registry, data) as blob:
        blob.read(1)
        blob.seek(39 * BLOCK)
        blob.read(1)
        assert blob.fetched <= 2 * BLOCK


def test_the_files_of_a_tar_are_listed_by_their_headers_alone(registry):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:") as tar:
        for name in ("one", "two"):
            member = tarfile.TarInfo(name)
            member.size = 20 * BLOCK
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    with opened(registry, made.getvalue()) as blob, tarfile.open(fileobj=io.BufferedReader(blob)) as tar:
        assert [(member.name, member.size) for member in tar] == [("one", 20 * BLOCK), ("two", 20 * BLOCK)]
        assert blob.fetched < 5 * BLOCK


def test_a_blob_that_is_gone_or_too_short_passes_by_itself_or_not(registry):
    gone = Ranged(registry, REPO, "sha256:" + "0" * 64, 10)
    with pytest.raises(Transient, match="not there any more"):
        gone.read(1)
    with opened(registry, b"x" * 10, longer=10) as blob:
        blob.seek(5)
        assert blob.read(20) == b"x" * 5
        with pytest.raises(Transient, match="ended at byte 10 of 20"):
            blob.read(1)
