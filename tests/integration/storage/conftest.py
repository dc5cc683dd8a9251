"""A namespace of a real API server, and a simulated kubelet that runs its Pods."""

from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shale.kube.client import Client
from shale.kube.connection import connected
from shale.testkit.kubelet import Image, Kubelet, Machine, Node
from shale.testkit.soon import soon_asked

IMAGE = "registry.example/shale/builder-sync:1"


@pytest.fixture
async def connection(cluster):
    if not cluster.has_namespaces:
        pytest.skip("this API server has no core kinds")
    async with connected(str(cluster.kubeconfig)) as connection:
        yield connection


@pytest.fixture
def client(connection):
    return Client(connection, "test")


@pytest.fixture
def node(namespace):
    """Return the name of a node that no other test has."""
    return f"node-{namespace}"


@pytest.fixture
def machine(tmp_path, node):
    for name in ("node", "nas", "efs", "scratch"):
        (tmp_path / name).mkdir()
    exports = {"nas.example:/exports": tmp_path / "nas", "fs-1": tmp_path / "efs"}
    return Machine(tmp_path / "scratch", (Node(node, {"/data": tmp_path / "node"}),), {IMAGE: Image()}, exports)


@pytest.fixture
def kubelet_of(connection, namespace):
    """Return what runs a kubelet of that namespace; what its Pods wrote is shown when a test fails."""

    @asynccontextmanager
    async def running(machine):
        async with Kubelet(connection, machine, namespace) as kubelet:
            try:
                yield kubelet
            finally:
                print(kubelet.logs())  # noqa: T201 (shown with a failure only)

    return running


@pytest.fixture
async def kubelet(kubelet_of, machine):
    async with kubelet_of(machine) as kubelet:
        yield kubelet


@pytest.fixture
def until(client, namespace):
    """Return what waits until an object is as one wants it, and returns it; `None` for a look means that it is gone."""

    async def until(gvk, name, good, where=namespace):
        async def look():
            found = await client.get(gvk, where, name)
            return (found if isinstance(found, dict) and good(found) else None) if good else not isinstance(found, dict)

        return await soon_asked(look)

    return until


def written(folder: Path, **files: str) -> Path:
    """Make a folder with files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder
