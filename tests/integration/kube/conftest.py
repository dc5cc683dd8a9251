"""A testbed per module, to be paused, killed and emptied; the doors to it."""

from collections.abc import AsyncGenerator, Iterator

import pytest

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
