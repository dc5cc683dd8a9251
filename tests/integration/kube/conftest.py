"""A testbed per module, to be paused, killed and emptied, and servers that are none; the doors to them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from shale.kube.cluster import ClusterResources
from shale.kube.connection import Connection, Patience, connected
from shale.testkit.kube import bed_of_ones_own
from shale.testkit.testbed import Testbed

QUICK = Patience(connect=1, answer=5, watch=3, silence=2)
"""A watch is ended by the server after 3 s, and taken for dead after 5."""


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """Run a testbed for the tests of one module; each leaves it as it found it."""
    with bed_of_ones_own(tmp_path_factory.mktemp("own")) as bed:
        yield bed


@pytest.fixture
async def connection(bed: Testbed) -> AsyncGenerator[Connection]:
    """Connect with little patience."""
    async with connected(str(bed.kubeconfig), QUICK) as one:
        yield one


@pytest.fixture
def resources(connection: Connection) -> ClusterResources:
    """Return the door to the testbed's resources."""
    return ClusterResources(connection)


@pytest.fixture
async def serve() -> AsyncGenerator[Callable[[web.Application], Awaitable[str]]]:
    """Return what serves an application and says its URL."""
    async with AsyncExitStack() as stack:

        async def started(app: web.Application) -> str:
            runner = web.AppRunner(app, shutdown_timeout=1)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield started
