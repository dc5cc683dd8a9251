"""A cluster's objects for the command line: the official client is imported here, by who asks for a cluster."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from shale.cli.exits import CliError
from shale.contracts.errors import Transient
from shale.contracts.resources import KINDS
from shale.kube.resources import Resources


@asynccontextmanager
async def resources(kubeconfig: str) -> AsyncGenerator[Resources]:
    """Hand out the door to a cluster's resources."""
    from shale.kube.cluster import ClusterResources  # noqa: PLC0415 (it takes a second)
    from shale.kube.connection import connected  # noqa: PLC0415

    async with connected(kubeconfig) as connection:
        yield ClusterResources(connection)


async def check(kubeconfig: str) -> None:
    """Raise CliError unless the cluster answers and serves our kinds."""
    async with resources(kubeconfig) as found:
        for kind in KINDS.values():
            try:
                await found.list(kind, "default")
            except Transient as error:
                raise CliError(str(error)) from error
