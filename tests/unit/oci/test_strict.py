"""Hostile tars, as each of their readers meets them: refused in one line, and little is held meanwhile."""

import io
import tarfile
import tracemalloc

import pytest

from shale.cli import anatomy
from shale.cli.compare import Against
from shale.oci import strict
from shale.oci.unpack import Unpacked, Unsafe, unpack

END = bytes(1024)


def header(name="models/a", size=0, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def record(key, value):
    rest = f" {key}={value}\n".encode()
    digits = next(count for count in range(1, 9) if len(str(count + len(rest))) == count)
    return f"{digits + len(rest)}".encode() + rest


def pax(*records, kind=tarfile.XHDTYPE):
    body = b"".join(records)
    return header("pax", len(body), kind) + body + bytes(-len(body) % 512)


HOSTILE = [
    pytest.param(pax(record("size", "9" * 26)) + header() + END, id="a PAX size that no disk has"),
    pytest.param(pax(record("size", str(2**59))) + header() + END, id="a PAX size far beyond the end"),
    pytest.param(pax(record("size", "-1024")) + header() + END, id="a PAX size below zero"),
    pytest.param(pax(record("size", "٣")) + header() + END, id="a PAX size in other digits"),
    pytest.param(header("pax", 400 << 20, tarfile.XHDTYPE) + END, id="a PAX header of 400 MB"),
    pytest.param(header("long", 400 << 20, tarfile.GNUTYPE_LONGNAME) + END, id="a name of 400 MB"),
    pytest.param(pax(b"1" * 2**20) + header() + END, id="a PAX header of digits"),
    pytest.param(pax(b"7 a=") + header() + END, id="a PAX record that is cut"),
    pytest.param(pax(record("path", "models/" + "a/" * 400_000)) + header() + END, id="a path of 800 kB"),
    pytest.param(pax(record("a", "b")) * 500 + header() + END, id="PAX headers without an end"),
    pytest.param(pax(record("path", "models/x"), kind=tarfile.XGLTYPE) + header() + END, id="a name for all entries"),
    pytest.param(header(kind=tarfile.GNUTYPE_SPARSE) + END, id="a sparse file"),
    pytest.param(
        pax(record("GNU.sparse.major", "1"), record("GNU.sparse.minor", "0")) + header() + b"9" * 512 + END,
        id="a sparse file by PAX",
    ),
    pytest.param(header(size=2**40) + END, id="a file that is longer than its tar"),
    pytest.param(header("models/../../out") + END, id="a name that leaves the folder"),
]


@pytest.mark.parametrize("data", HOSTILE)
def test_a_hostile_tar_is_not_unpacked(tmp_path, data):
    found = unpack([data], tmp_path)
    assert isinstance(found, Unsafe)
    assert "\n" not in found.message
    assert len(found.message) < 300


@pytest.mark.parametrize("data", HOSTILE)
def test_a_hostile_tar_is_not_compared(tmp_path, data):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(tarfile.TarError):
        Against(tmp_path).layer([data])


@pytest.mark.parametrize("data", HOSTILE[:-1])
def test_a_hostile_tar_is_not_listed(data):
    with pytest.raises(tarfile.TarError):
        list(anatomy.entries(Seekable(data)))


class Seekable(io.RawIOBase):
    """Bytes as a raw file."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        return self._file.seek(offset, whence)

    def tell(self):
        return self._file.tell()

    def readinto(self, buffer):
        return self._file.readinto(buffer)


def test_what_many_headers_bring_is_not_held(tmp_path):
    one = pax(record("SCHILY.xattr.user.x", "x" * 2**19)) + header()

    def blocks():
        yield from (one for _ in range(60))
        yield END

    tracemalloc.start()
    try:
        assert isinstance(unpack(blocks(), tmp_path), Unpacked)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_pax_headers_say_name_link_and_size():
    data = pax(record("path", "models/é"), record("size", "3")) + header("short") + b"abc".ljust(512, b"\0")
    data += pax(record("linkpath", "é")) + header("models/link", kind=tarfile.SYMTYPE)
    data += pax(record("comment", "x"), kind=tarfile.XGLTYPE) + header("models/last") + END
    with strict.stream(iter([data])) as tar:
        found = [(one.name, one.size, one.linkname) for one in strict.members(tar)]
    assert found == [("models/é", 3, ""), ("models/link", 0, "é"), ("models/last", 0, "")]
