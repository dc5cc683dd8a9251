"""A thousand versions through the whole watcher: each is told, held and seen once, and its successor adds nothing."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from shale.contracts import streams
from shale.contracts.facts import Declared
from shale.contracts.resources import FINALIZER
from shale.kube.cluster import ClusterResources
from shale.kube.connection import connected
from shale.kube.resources import Changed
from shale.testkit.asking import applied
from shale.testkit.house import House
from shale.testkit.kube import bed_of_ones_own
from shale.testkit.samples import MODEL, VERSION, model, owned, version
from shale.testkit.soon import soon
from shale.testkit.visitor import Visitor, visiting

pytestmark = [pytest.mark.real_nats, pytest.mark.slow]

NS = "default"
MANY, AT_A_TIME = 1000, 16
WITHIN = 240.0
"""Seconds that all of them may take: most of it is the API server's, on a machine that does other things too."""
LIMIT = 512
"""MiB that a watcher may have on a cluster (deploy/base)."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house at a cluster where only the watcher runs: a thousand builds would take minutes and tell nothing of it."""
    with bed_of_ones_own(tmp_path) as bed, House(tmp_path / "house", environ=at(bed.kubeconfig)) as house:
        for name in ("storage-provisioner", "image-builder", "builder-sync"):
            house.the(name).stop()
        yield house


def at(kubeconfig: Path) -> dict[str, str]:
    return {"SHALE_KUBECONFIG": str(kubeconfig)}


@pytest.fixture
async def resources(house: House) -> AsyncGenerator[ClusterResources]:
    async with connected(house.environ["SHALE_KUBECONFIG"]) as connection:
        yield ClusterResources(connection)


class Ledger:
    """How the objects of a kind stood after each write from now on, by name."""

    def __init__(self) -> None:
        self.stood: defaultdict[str, list[Any]] = defaultdict(list)

    async def keep(self, resources: ClusterResources, kind: Any) -> None:
        """Keep it, without end."""
        start = (await resources.list(kind)).resource_version
        async with aclosing(resources.watch(kind, start)) as watch:
            async for change in watch:
                assert isinstance(change, Changed), change
                self.stood[change.object.metadata.name].append(change.object)

    def seen(self) -> list[Any]:
        """Return those that have a status."""
        return [stood[-1] for stood in self.stood.values() if stood[-1].status.phase]


@pytest.fixture
async def ledgers(resources: ClusterResources) -> AsyncGenerator[tuple[Ledger, Ledger]]:
    """Those of versions and models."""
    versions, models = Ledger(), Ledger()
    tasks = [asyncio.create_task(one.keep(resources, kind)) for one, kind in ((versions, VERSION), (models, MODEL))]
    yield versions, models
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def fill(resources: ClusterResources) -> None:
    gate = asyncio.Semaphore(AT_A_TIME)

    async def make(number: int) -> None:
        async with gate:
            await applied(resources, version(NS, f"mv-{number:04}"))

    async with asyncio.TaskGroup() as group:
        for number in range(MANY):
            group.create_task(make(number))


def declared(visitor: Visitor) -> Counter[str]:
    """Return how often it was tried to declare each uid; what is refused is heard, too."""
    return Counter(one.message.about.uid for one in visitor.heard if isinstance(one.message, Declared))


async def facts(visitor: Visitor) -> int:
    """Return how many facts were ever stored."""
    return (await visitor.bus.api(f"STREAM.INFO.{streams.FACTS.name}", {}))["state"]["last_seq"]


def peak(pid: int) -> int:
    """Return the most memory that a process ever held, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) >> 10


async def test_each_of_a_thousand_is_told_held_and_seen_once_and_a_successor_says_and_writes_nothing(
    house, resources, ledgers
):
    versions, models = ledgers
    async with visiting(house) as visitor:
        made = await applied(resources, model(NS))
        await soon(models.seen)
        await fill(resources)
        await soon(lambda: len(versions.seen()) == MANY, WITHIN)
        for born, held, seen in versions.stood.values():  # three of each: one of its user and two of ours
            assert (born.metadata.finalizers, born.status.phase) == ((), "")
            assert (held.metadata.finalizers, held.metadata.owner_references) == ((FINALIZER,), (owned(made),))
            assert (held.status.phase, seen.status.phase) == ("", "Provisioning")
        assert set(declared(visitor).values()) == {1}
        assert await facts(visitor) == MANY + 1
        await soon(lambda: models.stood["resnet"][-1].status.versions_total == MANY)
        first = peak(house.the("watcher").pid)

        before, written = await resources.list(VERSION), len(models.stood["resnet"])
        house.the("watcher").kill()
        house.start("watcher")
        await soon(lambda: set(declared(visitor).values()) == {2}, WITHIN)
        await applied(resources, version(NS, "the-last"))
        await soon(lambda: len(versions.seen()) == MANY + 1)
        second = peak(house.the("watcher").pid)
        after = await resources.list(VERSION)
        assert [one for one in after.items if one.metadata.name != "the-last"] == list(before.items)
        assert await facts(visitor) == MANY + 2
        await soon(lambda: models.stood["resnet"][-1].status.versions_total == MANY + 1)
        assert {one.status.versions_total for one in models.stood["resnet"][written:]} == {MANY + 1}
        assert max(first, second) < LIMIT
