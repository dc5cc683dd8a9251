"""A disk that is full for a while under `shale up`: NATS gives its writes up, and is started again."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from shale.testkit.person import Here, ended, tiny, wait_until

pytestmark = pytest.mark.real_nats


def test_a_nats_that_could_not_write_is_started_again_and_all_goes_on(tmp_path: Path) -> None:
    here = Here(tmp_path)
    tiny(here.folder)
    process, state = here.up("--models", f"/models={here.folder / 'models'}")
    log = here.folder / "up.log"
    try:
        here.built("before")
        (nats,) = [one["pid"] for one in state["processes"] if one["name"] == "nats-server"]
        hard = resource.prlimit(nats, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(nats, resource.RLIMIT_FSIZE, (1024, hard))  # as good as a full disk, and nobody else's
        here.shale("apply", "-f", str(here.version("meanwhile")))
        assert wait_until(lambda: "nats-server cannot work" in log.read_text(), within=60), log.read_text()
        assert wait_until(lambda: "nats-server works again" in log.read_text(), within=60), log.read_text()
        here.built("after")
        assert here.shale("wait", "mv/before", "-n", "team-a").returncode == 0
    finally:
        assert ended(process) == 0
