"""The road on a cluster, all doors locked: the watcher by its ServiceAccount, every service as its own NATS user."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from shale.testkit.guarded import GuardedHouse
from shale.testkit.kube import bed_of_ones_own
from shale.testkit.kubectl import Kubectl
from shale.testkit.soon import soon_asked

pytestmark = [pytest.mark.real_nats, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[3]
WAIT = "--timeout=100s"


class ClusterHouse(GuardedHouse):
    """Its watcher works on a cluster; the others need none for folders of this machine."""

    def __init__(self, folder: Path, watcher: Path) -> None:
        super().__init__(folder, ROOT / "deploy" / "base" / "nats" / "users.conf")
        self._watcher = watcher

    def environ_of(self, name: str) -> Mapping[str, str]:
        """Return the environment of a service's processes."""
        given = super().environ_of(name)
        return {**given, "SHALE_KUBECONFIG": str(self._watcher)} if name == "watcher" else given


@pytest.fixture(scope="module")
def kube(tmp_path_factory: pytest.TempPathFactory, kubectl) -> Iterator[tuple[Kubectl, Path]]:
    """A cluster of its own, since the watcher looks after all that there is; with Shale's accounts and rights."""
    with bed_of_ones_own(tmp_path_factory.mktemp("own"), "both") as bed:
        tool: Kubectl = kubectl(bed.kubeconfig)
        tool.do("apply", "--filename", str(ROOT / "deploy/base/namespace.yaml"))
        tool.do("apply", "--filename", str(ROOT / "deploy/base/rbac.yaml"))
        yield tool, bed.kubeconfig


def test_from_yaml_to_ready_and_back_to_nothing(kube: tuple[Kubectl, Path], login_as, tmp_path: Path):
    tool, kubeconfig = kube
    with ClusterHouse(tmp_path / "house", login_as(kubeconfig, "watcher")) as house:
        folder = house.models / "all-minilm-l6-v2"
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        tool.do("create", "namespace", "team-a")
        tool.do("apply", "--filename", str(ROOT / "deploy/samples/first-version.yaml"))
        try:
            _walk(tool)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{house.logs()}") from error
        lines = [line for process in house.processes for line in process.log.read_text().splitlines()]
        assert [line for line in lines if _denied(line)] == []


def _walk(tool: Kubectl) -> None:
    there = ("--namespace", "team-a")
    tool.do("wait", "--for=condition=Ready", "mv/minilm-v1", WAIT, *there)
    latest = "{.status.latestVersion.modelVersion}=minilm-v1"
    tool.do("wait", f"--for=jsonpath={latest}", "mo/minilm", WAIT, *there)
    (owner,) = tool.get("mv", "minilm-v1", *there)["metadata"]["ownerReferences"]
    assert owner["kind"] == "Model"

    async def told() -> bool:
        events = await asyncio.to_thread(tool.items, "events.events.k8s.io", *there)
        return any(event["action"] == "Ready" for event in events)

    asyncio.run(soon_asked(told))
    tool.do("delete", "mo/minilm", "mv/minilm-v1", WAIT, *there)


def _denied(line: str) -> bool:
    return any(word in line.lower() for word in ("violation", "forbidden"))
