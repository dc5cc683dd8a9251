import errno
import threading

import pytest

from shale.contracts.errors import Transient
from shale.oci import disk
from shale.oci.refusal import Refused


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE])
def test_what_a_disk_refuses_for_now_passes_by_itself(number):
    with pytest.raises(Transient, match=r"^cannot write the blob x: \w.+") as raised, disk.passing("write the blob x"):
        raise OSError(number, "said the kernel")
    assert not isinstance(raised.value, Refused)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "DiskFull"),
        (errno.EDQUOT, "DiskFull"),
        (errno.EROFS, "DiskReadOnly"),
        (errno.EACCES, "DiskDenied"),
    ],
)
def test_what_somebody_must_mend_is_named(number, reason):
    with pytest.raises(Refused, match=r"^cannot write the blob x: \w.+") as raised, disk.passing("write the blob x"):
        raise OSError(number, "said the kernel")
    assert raised.value.why.reason == reason


def test_what_does_not_pass_goes_through_as_it_is():
    with pytest.raises(FileExistsError), disk.passing("write"):
        raise FileExistsError(errno.EEXIST, "a bug")


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "index.json"
    for data in (b"one", b"two"):
        disk.replace(path, data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_is_held_against_threads_of_the_same_process(tmp_path):
    order = []

    def second():
        with disk.locked(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    with disk.locked(tmp_path):
        thread.start()
        thread.join(0.1)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_who_waits_too_long_for_a_lock_is_told_where(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "LOCK_SECONDS", 0.1)
    with (
        disk.locked(tmp_path),
        pytest.raises(Transient, match="is locked by another process"),
        disk.locked(tmp_path),
    ):
        pass
