"""tools/fetch_peers.py: a program is given another loader, and what Go built it is read from it."""

from __future__ import annotations

import struct
from pathlib import Path
from types import ModuleType

LOADER = "/somewhere/else/ld-linux.so.2"


def elf(*kinds: int) -> bytes:
    """The head of a program with segments of these kinds; PT_INTERP is 3."""
    head = bytearray(64)
    struct.pack_into("<Q", head, 0x20, 64)
    struct.pack_into("<HH", head, 0x36, 56, len(kinds))
    table = b"".join(struct.pack("<IIQQQQQQ", kind, 4, 1, 2, 3, 28, 28, 1) for kind in kinds)
    return bytes(head) + table + b"the code"


def test_only_the_loader_is_another_one(fetch_peers: ModuleType):
    program = elf(6, 3, 1)
    made = fetch_peers.reinterpreted(program, LOADER)
    _, _, offset, address, physical, size, memory, _ = struct.unpack_from("<IIQQQQQQ", made, 64 + 56)
    assert made[offset : offset + size] == LOADER.encode() + b"\0"
    assert (address, physical, memory) == (2, 3, size)
    at = 64 + 56
    assert made[:at] + program[at : at + 56] + made[at + 56 : len(program)] == program


def test_a_program_without_a_loader_stays_as_it_is(fetch_peers: ModuleType):
    assert fetch_peers.reinterpreted(elf(1, 6), LOADER) == elf(1, 6)


def test_the_go_that_built_a_program_is_read_behind_its_mark(fetch_peers: ModuleType):
    mark = b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16)
    assert fetch_peers.go_version(b"go1.2 " + mark + bytes([8]) + b"go1.27.1 and more") == "go1.27.1"
    assert fetch_peers.go_version(b"go1.2 and no mark") == ""


def test_apt_is_asked_beside_the_machines_own_lists(fetch_peers: ModuleType, tmp_path: Path):
    environ = fetch_peers.private(tmp_path, "http://archive.example/debian")
    told = Path(environ["APT_CONFIG"]).read_text()
    assert f'Dir::State "{tmp_path}/state"' in told
    assert "URIs: http://archive.example/debian\nSuites: sid\n" in (tmp_path / "suite.sources").read_text()
