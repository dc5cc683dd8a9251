"""Pytest fixtures: a real nats-server, a provisioned bus on it, a fresh bucket, a plane. Load them as a plugin.

One server serves the session; a test finds it empty, as everything is deleted before. A test that ends or wipes its
server asks for `own_nats`.
"""

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from shale.contracts import streams
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.connection import Bus, connected
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.provision import provision
from shale.runtime.service import Card
from shale.testkit.nats import NatsServer
from shale.testkit.soon import soon

MOST = 256 << 20
"""Bytes that a stream may hold here: what it asks for is reserved on the disk."""

NO_STREAM = 10059

Provisioned = Callable[..., Awaitable[Bus]]


class Server(Protocol):
    """A server that runs, however: where it is, and where it keeps a stream."""

    @property
    def url(self) -> str:
        """Where clients connect."""
        ...

    def folder(self, stream: str) -> Path:
        """Return where it keeps a stream."""
        ...


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """Run a server for all tests that neither end nor wipe it."""
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def own_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """Run a server for one test, to be killed, paused, restarted or wiped."""
    with NatsServer(tmp_path_factory.mktemp("own-nats")) as server:
        yield server


@asynccontextmanager
async def provisioned(server: Server, *cards: Card, ack_wait: float = 30) -> AsyncGenerator[Bus]:
    """Connect to an emptied server and set it up for `cards`, as `shale init` does."""
    async with connected(server.url, "test", fatal=False) as bus:
        await erase(bus, server)
        await provision(bus, cards, ack_wait=ack_wait, most=MOST)
        yield bus


async def erase(bus: Bus, server: Server) -> None:
    """Delete every stream and bucket of ours, and wait until their folders are gone.

    The server removes them after it has answered: a namesake that comes sooner may find what the old one held. It
    first gives them a dot for a name, and while such a one is still there, the next of that name is deleted without
    its folder, which then stays for ever (nats-server #8474, 2.15.1).
    """
    folders = [server.folder(name) for name in streams.stored().values()]
    going = [path.with_name(f".{path.name}") for path in folders]
    await soon(lambda: not any(path.exists() for path in going))
    for path in folders:
        answer = await bus.api(f"STREAM.DELETE.{path.name}", {})
        if answer.get("error", {}).get("err_code", NO_STREAM) != NO_STREAM:
            raise RuntimeError(f"{path.name} was not deleted: {answer['error']}")
    await soon(lambda: not any(path.exists() for path in (*folders, *going)))


@pytest.fixture
async def real_bus_for(nats_server: NatsServer) -> AsyncGenerator[Provisioned]:
    """Return what makes a bus for the cards of one test, with the `ack_wait` it names."""
    async with AsyncExitStack() as stack:

        async def make(*cards: Card, ack_wait: float = 30) -> Bus:
            return await stack.enter_async_context(provisioned(nats_server, *cards, ack_wait=ack_wait))

        yield make


@pytest.fixture
def bus_cards() -> tuple[Card, ...]:
    """Return the cards whose consumers `real_bus` has: none. A test file overrides it with its own."""
    return ()


@pytest.fixture
async def real_bus(real_bus_for: Provisioned, bus_cards: tuple[Card, ...]) -> Bus:
    """Return a bus with all streams and buckets, and the consumers of `bus_cards`."""
    return await real_bus_for(*bus_cards)


@pytest.fixture
async def real_plane(real_bus: Bus) -> JetPlane:
    """Return a plane on a bus where nothing was said yet."""
    return JetPlane(real_bus, "test")


@pytest.fixture
async def real_bucket(nats_server: NatsServer) -> AsyncGenerator[Bucket]:
    """Return an empty bucket that no other test has; it is deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    async with connected(nats_server.url, "test", fatal=False) as bus:
        await provision_bucket(bus, name)
        yield Bucket(bus, name)
        await bus.api(f"STREAM.DELETE.KV_{name}", {})


async def provision_bucket(bus: Bus, name: str) -> None:
    """Create one bucket as `shale init` does."""
    config = {
        "name": f"KV_{name}",
        "subjects": [f"$KV.{name}.>"],
        "storage": "file",
        "num_replicas": 1,
        "discard": "new",
        "max_msgs_per_subject": 1,
        "duplicate_window": 100_000_000,
        "allow_direct": True,
        "allow_msg_ttl": True,
        "allow_rollup_hdrs": True,
    }
    answer = await bus.api(f"STREAM.CREATE.KV_{name}", config)
    if "error" in answer:
        raise RuntimeError(f"bucket {name}: {answer['error']}")
