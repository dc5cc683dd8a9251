"""SIGTERM while work waits in a thread for a silent peer: it is handed over, and the process ends all the same."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from shale.contracts import streams, subjects
from shale.contracts.artifact import Layer
from shale.contracts.facts import Progressed
from shale.contracts.jobs import PackLayer
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.levels import last_reading
from shale.runtime.installed import services
from shale.testkit.fixtures import provisioned
from shale.testkit.nats import NatsServer
from shale.testkit.processes import Process
from shale.testkit.soon import soon
from shale.testkit.toys import ABOUT, declared

pytestmark = pytest.mark.real_nats

STUCK = Path(__file__).with_name("stuck.py")
PART = "0-a~1"


async def test_work_that_waits_in_a_thread_is_handed_over_and_the_process_ends(own_nats: NatsServer, tmp_path: Path):
    ours = {"SHALE_NATS_URL": own_nats.url, "SHALE_LAYOUT_DIR": str(tmp_path / "registry"), "SHALE_DRAIN_SECONDS": "1"}
    process = Process("stuck", (sys.executable, str(STUCK)), {**os.environ, **ours}, tmp_path / "log")
    async with provisioned(own_nats, *(card for cards in services().values() for card in cards)) as bus:
        plane = JetPlane(bus, "test")
        await plane.say(declared())
        await plane.ask(PackLayer(ABOUT, PART, "file:///w", "repo", Layer(PART, "w", 1)))
        process.start()
        try:
            await soon(lambda: process.says("reads"))
            process.terminate()
            await soon(lambda: not process.is_running)
        finally:
            process.kill()
        assert process.ended == 0, process.tail()
        subject = subjects.of_fact(Progressed(ABOUT, f"builder-sync.{PART}", "Waiting"))
        reading, _ = await last_reading(bus, streams.NOW.name, subject)
        assert reading is not None
        assert (reading.state, reading.attempt) == ("Retrying", 1), "it did not die of its input"
