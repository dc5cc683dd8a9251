"""What identifies a file system, and which has nothing that does."""

import os
from contextlib import contextmanager

import pytest

from shale.sources import volumes


@contextmanager
def opened(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def volume_of(path):
    with opened(path) as fd:
        return volumes.of(fd)


def test_a_disk_is_the_same_whichever_of_its_files_is_asked(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    assert volume_of(tmp_path / "file") == volume_of(tmp_path) != ""


def test_two_file_systems_of_one_machine_are_two(tmp_path):
    memory = volume_of("/dev/shm")
    assert memory != ""
    assert memory != volume_of(tmp_path)


@pytest.mark.parametrize("path", ["/proc/self/status", "/sys/kernel"], ids=["procfs", "sysfs"])
def test_a_file_system_of_a_kind_that_is_not_known_has_none(path):
    assert volume_of(path) == ""


@pytest.mark.parametrize("kind", [0x6969, 0x65735546, 0x01021997, 0xFE534D42, 0x794C7630])
def test_what_a_network_or_another_program_makes_up_has_none(monkeypatch, tmp_path, kind):
    monkeypatch.setattr(volumes, "_kind", lambda _: kind)
    assert volume_of(tmp_path) == ""


class TestAMachine:
    @pytest.fixture
    def told(self, monkeypatch, tmp_path):
        def tell(machine, boot):
            for name, text in (("machine", machine), ("boot", boot)):
                (tmp_path / name).write_text(text)
            shapes = [shape for _, shape in volumes._MACHINE]  # noqa: SLF001
            monkeypatch.setattr(
                volumes, "_MACHINE", (*zip((tmp_path / "machine", tmp_path / "boot"), shapes, strict=True),)
            )
            return volume_of(tmp_path)

        return tell

    BOOT = "9bafc421-1d8a-41ff-8762-05bec3d3cc5a\n"

    def test_that_has_an_id_keeps_its_volumes_when_it_starts_anew(self, told):
        assert told("a" * 32, self.BOOT) == told("a" * 32, self.BOOT.replace("9", "8")) != ""

    def test_is_another_with_another_id(self, told):
        assert told("a" * 32, self.BOOT) != told("b" * 32, self.BOOT)

    def test_without_an_id_has_its_volumes_until_it_starts_anew(self, told):
        assert told("", self.BOOT) == told("uninitialized\n", self.BOOT) != told("", self.BOOT.replace("9", "8"))

    def test_that_tells_nothing_has_no_volumes(self, told):
        assert told("", "") == ""
