"""A street for one card: resources and the bus in memory, and the loop that drives the card."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from shale.contracts import subjects
from shale.contracts.about import About
from shale.contracts.facts import Declared
from shale.contracts.resources import KINDS
from shale.kube.embedded import EmbeddedResources
from shale.runtime.loop import settle
from shale.runtime.service import Service, Woken
from shale.runtime.work import Work
from shale.testkit import asking, samples
from shale.testkit.bucket import MemoryBucket
from shale.testkit.plane import SimBus, SimPlane
from shale.watcher.announce import about
from shale.watcher.announcer import Announcer

NS = "team-a"


class Contested(EmbeddedResources):
    """Resources that somebody else writes to just before each of the next `times` writes of ours to an object."""

    times = 0

    async def _meddle(self, obj):
        if self.times:
            self.times -= 1
            mark = {"somebody/else": str(self.times)}
            there = await self.get(KINDS[obj.kind.lower()], obj.metadata.namespace, obj.metadata.name)
            await super().edit_metadata(await asking.there(_itself(there)), annotations=mark)

    async def apply_status(self, obj, status):
        await self._meddle(obj)
        return await super().apply_status(obj, status)

    async def edit_metadata(self, obj, **wanted: Any):
        await self._meddle(obj)
        return await super().edit_metadata(obj, **wanted)


async def _itself(answer):
    return answer


class Street:
    """What the watcher's cards stand between."""

    def __init__(self):
        self.bucket = MemoryBucket()
        self.resources = Contested(self.bucket)
        self.bus = SimBus()
        self.plane = SimPlane(self.bus, "test")
        self.census = Census(self.bus)

    async def version(self, name="mv-1", **metadata):
        return await asking.applied(self.resources, samples.version(NS, name, **metadata))

    async def model(self, name="resnet", **metadata):
        return await asking.applied(self.resources, samples.model(NS, name, **metadata))

    async def now(self, obj) -> Any:
        """Return the object as it stands, or Missing."""
        return await self.resources.get(KINDS[obj.kind.lower()], NS, obj.metadata.name)

    async def delete(self, obj) -> Any:
        """Delete an object, and return how it stands."""
        await self.resources.delete(KINDS[obj.kind.lower()], NS, obj.metadata.name)
        return await self.now(obj)

    async def say(self, *facts):
        for fact in facts:
            await self.plane.say(fact)

    async def wake(self, service: Service, obj):
        """Drive a card for one object to its end, and return how it answers."""
        whom = obj if isinstance(obj, About) else about(obj)
        return await asyncio.wait_for(settle(service, Work(service.card, Woken(whom), self.plane)), asking.SOON)

    @asynccontextmanager
    async def announcing(self, resources=None, plane=None) -> AsyncGenerator[Announcer]:
        """Run an announcer for a while; what ends it by itself ends the test."""
        announcer = Announcer(resources or self.resources, plane or self.plane, self.census)
        async with self.running(announcer):
            yield announcer

    @asynccontextmanager
    async def running(self, announcer) -> AsyncGenerator[None]:
        task = asyncio.create_task(announcer.run())
        try:
            yield
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def said(self):
        """Return what all facts are, oldest first: `1 declared`, `0 held image-builder`, `gone`."""
        return [_short(one.subject) for one in self.bus.facts.under([">"])]


class Census:
    """Who was declared on a simulated bus."""

    def __init__(self, bus):
        self.bus = bus

    async def declared(self, kind):
        found = self.bus.facts.under([subjects.heard(kind, Declared)])
        return [subjects.place(one.subject).about for one in found]


def _short(subject):
    words = subject.split(".")
    return "gone" if words[1] == "gone" else " ".join(words[6:])


@pytest.fixture
def street():
    return Street()
