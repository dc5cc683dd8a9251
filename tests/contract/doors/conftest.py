"""Every store behind a door, one param each: a store joins its suite here and nowhere else."""

from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest

from shale.kube.bucket import Bucket
from shale.kube.cluster import ClusterResources
from shale.kube.connection import connected
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Resources
from shale.runtime.plane import Plane
from shale.testkit import containers
from shale.testkit.bucket import MemoryBucket
from shale.testkit.kube import Cluster
from shale.testkit.rigs import Real, Rig, Sim

REAL = pytest.mark.real_nats


@pytest.fixture(params=["memory", pytest.param("real", marks=REAL)])
def bucket(request) -> Bucket:
    """An empty bucket."""
    return make_bucket(request, request.param)


@pytest.fixture(params=["embedded-memory", pytest.param("embedded-real", marks=REAL), "cluster"])
def resources(request) -> Resources:
    """A store of resources; a cluster is shared with other tests."""
    if request.param == "cluster":
        return request.getfixturevalue("on_cluster")
    return EmbeddedResources(make_bucket(request, request.param.removeprefix("embedded-")))


@pytest.fixture
async def on_cluster(cluster: Cluster, ns: str) -> AsyncGenerator[Resources]:
    """The resources of a real cluster, with both namespaces of a test."""
    both = (ns, f"{ns}-b")
    for name in both:
        cluster.make_namespace(name)
    async with connected(str(cluster.kubeconfig)) as connection:
        yield ClusterResources(connection)
    for name in both:
        cluster.end_namespace(name)


@pytest.fixture
def ns() -> str:
    """A namespace that no other test uses."""
    return f"team-{uuid4().hex[:8]}"


def make_bucket(request, make: str) -> Bucket:
    if make == "memory":
        return MemoryBucket()
    try:
        return request.getfixturevalue("real_bucket")
    except pytest.FixtureLookupError:
        pytest.skip("no fixture real_bucket: the real bucket is not built yet")


@pytest.fixture(params=["simulated", pytest.param("real", marks=REAL), *containers.flavours()])
def rig(request) -> Rig:
    """A bus of each make, on which nothing was said."""
    if request.param == "simulated":
        return Sim()
    return Real(request.getfixturevalue("real_bus" if request.param == "real" else "container_bus"))


@pytest.fixture
def plane(rig) -> Plane:
    return rig.plane
