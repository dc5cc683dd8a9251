"""`shale pack` at a registry, a source or a disk that fails: the right image, or one line and no name for anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from shale.oci.distribution.registry import Distribution
from shale.testkit import front
from shale.testkit.fraying import Fraying
from shale.testkit.front import Exchange, Front, Trouble
from shale.testkit.person import SHALE, Here, tiny
from shale.testkit.registries import Park

MIB = 1 << 20
LARGE = 70 * MIB
"""More than one part."""
PART_AT, END = "^PATCH ", "^PUT .*/uploads/"


class Bench:
    """A person with a model, and a registry behind a front."""

    def __init__(self, here: Here, park: Park, server: Front) -> None:
        self.here, self.front, self.park = here, server, park
        self.model = here.folder / "models" / "tiny"
        self.image = f"{server.host}/models/x:v1"

    def packs(self, image: str = "") -> None:
        """Pack; what was packed is what lies there."""
        ran = self.here.shale("pack", "models/tiny", image or self.image)
        assert ran.returncode == 0, ran.stderr
        verified = self.here.shale("verify", f"{self.park.running('plain').host}/models/x:v1", "models/tiny")
        assert verified.returncode == 0, verified.stderr

    def fails(self, said: str) -> None:
        """Pack in vain: one line, and no tag."""
        ran = self.here.shale("pack", "models/tiny", self.image)
        assert (ran.returncode, ran.stderr.count("\n"), said in ran.stderr) == (1, 1, True), ran.stderr
        assert Distribution(self.park.options("plain")).tags("models/x") == ()


@pytest.fixture
def bench(tmp_path: Path, park: Park) -> Iterator[Bench]:
    here = Here(tmp_path)
    here.environ["DOCKER_CONFIG"] = str(tmp_path)
    (tiny(tmp_path) / "more.bin").write_bytes(os.urandom(MIB) * (LARGE // MIB))
    with Front(park.server("plain").host) as server:
        yield Bench(here, park, server)


@pytest.mark.parametrize(
    ("pattern", "trouble"),
    [
        pytest.param("/models/x/", front.drop, id="drops connections"),
        pytest.param(END, front.lose_answer, id="drops the answer to an end"),
        pytest.param(PART_AT, front.lose_body(MIB), id="drops a part in its middle"),
        pytest.param(".", front.answer(500), id="answers 500"),
        pytest.param(".", front.answer(503), id="answers 503"),
        pytest.param(PART_AT, front.answer(429, {"Retry-After": "1"}), id="answers 429"),
        pytest.param(PART_AT, front.with_headers({"Range": f"0-{2**40}"}), id="says a range that is too long"),
        pytest.param(PART_AT, front.with_headers({"Range": "bananas"}), id="says no range"),
        pytest.param(PART_AT, front.answer(416), id="answers 416"),
        pytest.param(PART_AT, front.answer(404), id="says that it lost an upload"),
        pytest.param(END, front.answer(202), id="answers 202 to an end"),
        pytest.param(PART_AT, front.delay(1), id="is slow"),
    ],
)
def test_a_registry_in_trouble_for_a_while_is_sent_the_image(bench: Bench, pattern: str, trouble: Trouble) -> None:
    bench.front.on(pattern, trouble, times=2)
    bench.packs()


def test_a_registry_that_drops_the_connection_every_n_bytes_is_sent_the_image(bench: Bench) -> None:
    with Fraying(bench.front.host, 20 * MIB) as line:
        bench.packs(f"{line.host}/models/x:v1")
    assert 1 <= line.broken <= 4


@pytest.mark.parametrize(
    ("pattern", "trouble", "said"),
    [
        pytest.param(PART_AT, front.answer(503), "is busy: 503", id="answers 503"),
        pytest.param(PART_AT, front.answer(429, {"Retry-After": "9" * 20}), "is busy: 429", id="asks for an age"),
        pytest.param(PART_AT, front.drop, "broke the connection off", id="drops each part"),
        pytest.param(PART_AT, front.answer(404), "lost an upload", id="loses each upload"),
        pytest.param(END, front.answer(202), "answers 202 to the end of an upload", id="only accepts"),
        pytest.param(END, front.answer(201), "lost the layer", id="publishes nothing"),
    ],
)
def test_a_registry_that_stays_in_trouble_is_one_line_and_the_same_command_again_goes_on(
    bench: Bench, pattern: str, trouble: Trouble, said: str
) -> None:
    bench.front.on(pattern, trouble, times=10_000)
    bench.fails(said)
    bench.front.calm()
    bench.packs()


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(LARGE - 1)


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def replaced(path: Path) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(bytes(LARGE))
    fresh.replace(path)


@pytest.mark.parametrize("change", [truncated, grown, replaced], ids=["truncated", "grown", "replaced"])
def test_a_source_file_that_changes_while_it_is_read_is_one_line(bench: Bench, change: Callable[[Path], None]) -> None:
    changed = Event()

    def amid(exchange: Exchange) -> None:
        if len(exchange.body) > LARGE // 2:
            change(bench.model / "more.bin")
            changed.set()
        front.pass_on(exchange)

    bench.front.on(PART_AT, amid, times=10_000)
    ran = bench.here.shale("pack", "models/tiny", bench.image)
    assert changed.is_set()
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1), ran.stderr
    assert "SourceChanged" in ran.stderr
    assert "more.bin" in ran.stderr
    assert Distribution(bench.park.options("plain")).tags("models/x") == ()
    bench.front.calm()
    bench.packs()


@pytest.mark.skipif(not shutil.which("unshare"), reason="a disk of a few bytes is mounted in a namespace of its own")
def test_a_folder_of_layouts_whose_disk_is_full_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    """No space left on the device, by the kernel's own word."""
    here = Here(tmp_path)
    tiny(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    pack = " ".join([*SHALE, "pack", "models/tiny", "models/x:v1"])
    script = f"mount -t tmpfs -o size=8m none {home} && {{ {pack}; echo $?; find {home} -type f -size +64k; }}"
    ran = subprocess.run(
        check=False,
        args=["unshare", "-rm", "sh", "-c", script],
        env=here.environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "unshare" in ran.stderr or "mount:" in ran.stderr:
        pytest.skip(f"no disk can be mounted here: {ran.stderr}")
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert "the disk is full: free some space" in ran.stderr
    assert ran.stdout.split() == ["1"], ran.stdout
