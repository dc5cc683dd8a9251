"""The `shale` command among other programs of a shell: who stops reading, who interrupts, and what is left then."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from shale.oci.layout import Layout
from shale.runtime.bus import history
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.jetplane import JetPlane
from shale.testkit.images import publish
from shale.testkit.nats import NatsServer
from shale.testkit.person import SHALE, Here
from shale.testkit.toys import ABOUT, declared

pytestmark = pytest.mark.real_nats

WITHIN = 60


@pytest.fixture
async def here(real_bus: Bus, nats_server: NatsServer, tmp_path: Path) -> Here:
    """Return a person before an object that was declared, and an image."""
    await JetPlane(real_bus, "test").say(declared())
    async with asyncio.timeout(WITHIN):
        while True:  # the history follows the facts by milliseconds
            if [one async for one in history.told(real_bus)]:
                break
            await asyncio.sleep(0.05)
    publish(Layout(tmp_path / "registry"), "models/x", "v1", {f"{n}.txt": b"" for n in range(1500)})
    place = Here(tmp_path)
    place.environ |= {"SHALE_NATS_URL": nats_server.url, "SHALE_LAYOUT_DIR": str(tmp_path / "registry")}
    return place


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("inspect", "models/x:v1", "-o", "wide"), id="a tree"),
        pytest.param(("inspect", "models/x:v1", "-o", "json"), id="a document"),
        pytest.param(("describe", f"mv/{ABOUT.name}", "-n", ABOUT.namespace), id="text"),
        pytest.param(("events",), id="lines"),
    ],
)
def test_who_stops_reading_is_not_complained_to(here: Here, words: tuple[str, ...]) -> None:
    reads, writes = os.pipe()
    os.close(reads)  # nobody ever reads: the first write fails
    process = subprocess.Popen(
        [*SHALE, *words], stdout=writes, stderr=subprocess.PIPE, env=here.environ, cwd=here.folder
    )
    os.close(writes)
    _, complained = process.communicate(timeout=WITHIN)
    assert (process.returncode, complained) == (141, b"")


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("flags", [(), ("-o", "json")])
def test_who_is_interrupted_ends_at_once_with_its_code(
    here: Here, flags: tuple[str, ...], sign: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        [*SHALE, "events", "-f", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=here.environ,
        cwd=here.folder,
    )
    assert process.stdout is not None
    assert "declared" in process.stdout.readline().lower()
    process.send_signal(sign)
    _, complained = process.communicate(timeout=WITHIN)
    assert process.returncode == code
    assert "Traceback" not in complained


def test_a_disk_without_room_is_one_line(here: Here) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SHALE, "events"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=WITHIN,
            check=False,
            env=here.environ,
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


@pytest.mark.parametrize("words", [(), ("dead",), ("describe",), ("get", "-x")])
def test_what_is_asked_wrongly_says_where_help_is(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = Here(tmp_path).shale(*words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--help" in done.stderr
