"""An object that was raised more often than one answer holds, by whoever: it can be deleted all the same."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from shale.contracts import streams, subjects
from shale.contracts.envelope import wrap
from shale.contracts.facts import Declared, Gone, Held
from shale.contracts.resources import FINALIZER, KINDS, ModelVersion
from shale.contracts.resources.meta import Metadata
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Missing
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.desk import Desk
from shale.runtime.bus.intake import run_service
from shale.runtime.bus.jetplane import JetPlane
from shale.testkit.fixtures import Provisioned
from shale.testkit.soon import soon_asked
from shale.testkit.toys import JOINER, SPEC, Joiner
from shale.watcher.announce import about
from shale.watcher.scribe import Scribe
from shale.watcher.undertaker import Undertaker

pytestmark = pytest.mark.real_nats

MANY = 1100


@asynccontextmanager
async def served(bus: Bus, *services):
    """Let services work, as their processes do."""
    stop = asyncio.Event()
    desks = [Desk(bus, JetPlane(bus, one.card.name), one) for one in services]
    running = [asyncio.create_task(run_service(bus, desk, desk.service, stop)) for desk in desks]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)
        await asyncio.gather(*(desk.drain(5) for desk in desks))


async def declare(bus: Bus, version: ModelVersion, generations: range) -> None:
    """Declare many generations of it, none of which ever ends."""
    wishes = [Declared(about(version).at(one), version.spec, "") for one in generations]
    for start in range(0, len(wishes), 100):
        some = wishes[start : start + 100]
        await asyncio.gather(*(bus.publish(subjects.of_fact(one), wrap(one, "announce", 0)) for one in some))


async def facts(bus: Bus) -> set[str]:
    answer = await bus.api(f"STREAM.INFO.{streams.FACTS.name}", {"subjects_filter": ">"})
    return set(answer["state"].get("subjects") or {})


async def test_what_was_raised_a_thousand_times_and_never_ended_can_be_deleted(real_bus_for: Provisioned):
    bus = await real_bus_for(Scribe.card, Undertaker.card, JOINER)
    resources = EmbeddedResources(Bucket(bus, streams.OBJECTS.name))
    meta = Metadata(name="mv-1", namespace="team-a", finalizers=(FINALIZER,))
    version = await resources.create(ModelVersion(meta, SPEC))
    assert isinstance(version, ModelVersion)
    plane, whole = JetPlane(bus, "test"), about(version).whole()
    await declare(bus, version, range(1, MANY + 1))
    await plane.hold(Held(whole, JOINER.name))
    await resources.delete(KINDS["modelversion"], "team-a", "mv-1")
    await plane.say(Gone(about(version).at(MANY + 1)))
    async with served(bus, Scribe(resources), Undertaker(resources), Joiner({})):

        async def is_over() -> bool:
            left = await facts(bus)
            there = await resources.get(KINDS["modelversion"], "team-a", "mv-1")
            return isinstance(there, Missing) and left == {subjects.of_gone(whole.uid)}

        await soon_asked(is_over, 120)


async def test_of_generations_that_never_end_only_the_newest_is_kept(real_bus_for: Provisioned):
    bus = await real_bus_for(Scribe.card)
    resources = EmbeddedResources(Bucket(bus, streams.OBJECTS.name))
    version = await resources.create(ModelVersion(Metadata(name="mv-1", namespace="team-a"), SPEC))
    assert isinstance(version, ModelVersion)
    newest = msgspec.structs.replace(about(version), generation=5)
    async with served(bus, Scribe(resources)):
        await declare(bus, version, range(1, 6))

        async def is_tidy() -> bool:
            return await facts(bus) == {subjects.of_wish(newest)}

        await soon_asked(is_tidy, 60)
