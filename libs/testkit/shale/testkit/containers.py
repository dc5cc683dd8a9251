"""NATS and a registry in containers by testcontainers, where a Docker daemon of this machine answers.

They keep the laws that the same servers keep as processes, from the images that clusters run. Their stores are folders
here, as those of processes are, and they are published on the loopback only. S3 comes with the source that reads it.
"""

import gc
import json
import os
import shutil
import time
import warnings
from collections.abc import AsyncGenerator, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self, cast

import pytest
from docker.errors import APIError, DockerException, ImageNotFound
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.runtime.bus.connection import Bus
from shale.runtime.service import Card
from shale.testkit import dockerregistry, nats
from shale.testkit.fixtures import provisioned
from shale.testkit.registries import PATIENCE, small_parts

NATS = "nats:2.15.1-alpine"
REGISTRY = "registry:2.8.3"

ANSWERS_WITHIN = 5
PULLED_WITHIN = 180.0
UP_WITHIN = 60

STORE = "/store"
_ABSENT = {
    "none": "NO DOCKER ANSWERS: NATS and the registry were proven as processes, not in containers",
    "elsewhere": "DOCKER IS NOT THIS MACHINE'S (if it is: TESTCONTAINERS_CONNECTION_MODE=docker_host): no containers",
}
_TOLD = "SHALE_TEST_DOCKER"
"""Tells the processes of one run what the first of them found: all must collect the same tests."""

Docker = Literal["none", "elsewhere", "here"]


@cache
def docker() -> Docker:
    """Say whether a Docker daemon answers, and whether it is this machine's; it is asked once.

    Only this machine's sees our folders, and we what it publishes on the loopback.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        found = _asked()
        gc.collect()  # docker's client leaves its socket to the collector where nobody answers
    return found


def _asked() -> Docker:
    try:
        client = DockerClient(timeout=ANSWERS_WITHIN)
        cast("Any", client).client.ping()
    except (DockerException, OSError):
        return "none"
    local = client.host() == "localhost" and client.get_connection_mode() is ConnectionMode.docker_host
    cast("Any", client).client.close()
    return "here" if local else "elsewhere"


@cache
def lacks(*images: str) -> str:
    """Pull what is not there, testcontainers' own reaper too; say why one of them is not to be had."""
    if docker() == "none":
        return _ABSENT["none"]
    reaper = () if testcontainers_config.ryuk_disabled else (testcontainers_config.ryuk_image,)
    names = [testcontainers_config.hub_image_name_prefix + image for image in (*reaper, *images)]
    whys = (f"NOT PROVEN IN A CONTAINER: {name} is not to be had: {why}" for name in names if (why := _lacks(name)))
    return next(whys, "")


def _lacks(image: str) -> str:
    client: Any = cast("Any", DockerClient(timeout=PULLED_WITHIN)).client
    try:
        client.images.get(image)
    except ImageNotFound:
        return _pulled(client, image)
    finally:
        client.close()
    return ""


def _pulled(client: Any, image: str) -> str:  # noqa: ANN401 (docker's own client has no types)
    until = time.monotonic() + PULLED_WITHIN
    repository, _, tag = image.rpartition(":")
    try:
        for said in client.api.pull(repository, tag, stream=True, decode=True):
            if "error" in said or time.monotonic() > until:
                return said.get("error", f"not within {PULLED_WITHIN:g} s")
    except (APIError, OSError) as error:
        return str(error)
    return ""


def container(image: str, folder: Path, command: str, port: int, ready: str) -> DockerContainer:
    """Return a container that was not started: `folder` is its store, `port` is published on the loopback."""
    made = DockerContainer(image).with_command(command).with_volume_mapping(str(folder), STORE, "rw")
    made.with_kwargs(user=f"{os.getuid()}:{os.getgid()}")  # or root would own what a test has to remove
    cast("dict[str, object]", made.ports)[str(port)] = ("127.0.0.1",)
    return made.waiting_for(LogMessageWaitStrategy(ready).with_startup_timeout(UP_WITHIN).with_poll_interval(0.1))


class NatsContainer:
    """A nats-server in a container; it is a context manager, as NatsServer is."""

    def __init__(self, folder: Path) -> None:
        self.store, self.url = folder, ""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "nats.conf").write_text(nats.page("0.0.0.0", 4222, 8222, Path(STORE) / "data", "4GB"))  # noqa: S104 (in it)
        self.container = container(NATS, folder, f"nats-server -c {STORE}/nats.conf", 4222, "Server is ready")

    def folder(self, stream: str) -> Path:
        """Return where it keeps a stream."""
        return nats.folder_of(self.store, stream)

    def __enter__(self) -> Self:
        self.container.__enter__()
        self.url = f"nats://127.0.0.1:{self.container.get_exposed_port(4222)}"
        return self

    def __exit__(self, *_: object) -> None:
        self.container.stop()


class RegistryContainer:
    """A registry for anybody in a container; it is a context manager, as DockerRegistry is."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.host = folder, ""
        folder.mkdir(parents=True, exist_ok=True)
        config = dockerregistry.page(dockerregistry.Setting(), Path(STORE), ":5000")
        (folder / "config.json").write_text(json.dumps(config))
        self.container = container(REGISTRY, folder, f"registry serve {STORE}/config.json", 5000, "listening on")

    def __enter__(self) -> Self:
        self.container.__enter__()
        self.host = f"127.0.0.1:{self.container.get_exposed_port(5000)}"
        return self

    def __exit__(self, *_: object) -> None:
        self.container.stop()

    def wipe(self) -> None:
        """Lose everything that was pushed."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)


def told() -> str:
    """Return what the first process of this run found; its workers start with its environment."""
    if _TOLD not in os.environ:
        os.environ[_TOLD] = docker()
    return os.environ[_TOLD]


def pytest_configure() -> None:
    """Ask before there are workers."""
    told()


def pytest_report_header() -> str:
    """Say in one line whether there are containers."""
    return f"containers: {_ABSENT.get(told(), 'NATS and the registry run in such too')}"


def flavours() -> list[str]:
    """Return the one more make of a server that a suite is to be kept by, if there is Docker."""
    return ["container"] if told() == "here" else []


def needed(*images: str) -> None:
    """Skip the test when these are not to be had in containers here."""
    if why := _ABSENT.get(told()) or lacks(*images):
        pytest.skip(why)


@pytest.fixture(scope="session")
def nats_container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsContainer]:
    """Run NATS in a container, for all tests of this process."""
    needed(NATS)
    with NatsContainer(tmp_path_factory.mktemp("nats-container")) as server:
        yield server


@pytest.fixture
async def container_bus(nats_container: NatsContainer, bus_cards: tuple[Card, ...]) -> AsyncGenerator[Bus]:
    """Return a bus like `real_bus`, of a server in a container."""
    async with provisioned(nats_container, *bus_cards) as bus:
        yield bus


@pytest.fixture(scope="session")
def registry_container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryContainer]:
    """Run a registry in a container, for all tests of this process."""
    needed(REGISTRY)
    with RegistryContainer(tmp_path_factory.mktemp("registry-container")) as server:
        yield server


@pytest.fixture
def container_distribution(registry_container: RegistryContainer) -> Iterator[Distribution]:
    """Return a door to the registry in a container, emptied before."""
    registry_container.wipe()
    door = Distribution(Options(home=registry_container.host, patience=PATIENCE, profile=small_parts))
    yield door
    door.close()
