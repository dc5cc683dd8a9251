"""A Model's status by a watcher that has just begun: it says nothing of what it has not seen yet."""

import asyncio

import pytest

from shale.kube.embedded import EmbeddedResources
from shale.testkit.asking import until

NS = "team-a"


class Slow(EmbeddedResources):
    """Resources that list one kind only once they are let; they keep what statuses were written."""

    def __init__(self, bucket, late):
        super().__init__(bucket)
        self.late, self.gate, self.statuses = late, asyncio.Event(), []

    async def list(self, kind, namespace=None):
        if kind.plural == self.late:
            await self.gate.wait()
        return await super().list(kind, namespace)

    async def apply_status(self, obj, status):
        self.statuses.append(status)
        return await super().apply_status(obj, status)


async def turns():
    for _ in range(200):
        await asyncio.sleep(0)


@pytest.mark.parametrize("late", ["models", "modelversions"])
async def test_a_successor_writes_nothing_to_a_model_whose_versions_it_has_not_listed_yet(street, late):
    async with street.announcing():
        model = await street.model()
        await street.version()
        await until(lambda: street.now(model), lambda now: now.status.versions_total == 1)
    slow = Slow(street.bucket, late)
    async with street.announcing(slow) as successor:
        await until(lambda: known(successor), bool)
        await turns()
        assert slow.statuses == []
        slow.gate.set()
        await street.version("mv-2")
        await until(lambda: street.now(model), lambda now: now.status.versions_total == 2)
    assert {status.versions_total for status in slow.statuses} == {2}


async def known(successor):
    return len(successor.objects)
