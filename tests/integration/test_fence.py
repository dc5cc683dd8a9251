"""What a real server refuses, and what it cannot do just now: the one is told already, the other is tried again."""

from __future__ import annotations

import msgspec
import pytest

from shale.contracts import streams, subjects
from shale.contracts.errors import Transient
from shale.contracts.facts import Gone, Held, LayerRefused, StorageReady
from shale.contracts.jobs import PackLayer
from shale.image_builder.claims import Claims
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.census import JetCensus
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.jetplane import JetPlane
from shale.testkit.messages import messages
from shale.testkit.toys import ABOUT, declared

pytestmark = pytest.mark.real_nats

FACTS = streams.FACTS.name
READY = StorageReady(ABOUT, "file:///w")
LARGE = StorageReady(ABOUT.at(2), "x" * 100_000)


async def bounded(bus: Bus, max_bytes: int) -> None:
    """Let the stream of facts hold no more than so much."""
    config = (await bus.api(f"STREAM.INFO.{FACTS}", {}))["config"]
    assert "error" not in await bus.api(f"STREAM.UPDATE.{FACTS}", {**config, "max_bytes": max_bytes})


async def test_a_full_store_is_no_fence_and_what_it_could_not_take_is_told_once_there_is_room(
    real_bus: Bus, real_plane: JetPlane
):
    await real_plane.say(declared())
    await bounded(real_bus, 50_000)
    with pytest.raises(Transient, match="maximum bytes exceeded"):
        await real_plane.say(LARGE)
    assert await real_plane.say(declared()) == 0, "what was told already is refused as ever"
    await bounded(real_bus, 1 << 20)
    assert await real_plane.say(LARGE) > 0


async def test_the_end_of_a_job_and_a_hold_are_told_once_there_is_room_too(real_bus: Bus, real_plane: JetPlane):
    await real_plane.say(declared())
    await bounded(real_bus, 2_000)
    refused = LayerRefused(ABOUT, "0-a~1", "SourceChanged", "x" * 3_000)
    held = Held(ABOUT.whole(), "builder")
    with pytest.raises(Transient, match="maximum bytes exceeded"):
        await real_plane.say(refused)
    await bounded(real_bus, 1 << 20)
    assert await real_plane.say(refused) > 0
    assert await real_plane.hold(held)


async def test_a_job_that_is_asked_already_is_no_error_and_a_full_queue_is_one(real_bus: Bus, real_plane: JetPlane):
    job = next(one for one in messages().values() if isinstance(one, PackLayer))
    await real_plane.ask(job)
    await real_plane.ask(job)
    jobs = streams.JOBS.name
    config = (await real_bus.api(f"STREAM.INFO.{jobs}", {}))["config"]
    await real_bus.api(f"STREAM.UPDATE.{jobs}", {**config, "max_bytes": 100})
    with pytest.raises(Transient, match="maximum bytes exceeded"):
        await real_plane.ask(PackLayer(ABOUT, "9-a~1", "file:///w", "repo", job.layer))


# --- claims of what is gone


async def test_a_uid_is_gone_once_its_end_was_told_and_stays_so_when_all_else_is_forgotten(
    real_bus: Bus, real_plane: JetPlane
):
    census = JetCensus(real_bus)
    await real_plane.say(declared())
    assert not await census.gone(ABOUT.uid)
    await real_plane.say(Gone(ABOUT))
    assert await census.gone(ABOUT.uid)
    await real_bus.api(f"STREAM.PURGE.{FACTS}", {"filter": "shale.fact.>"})
    assert await census.gone(ABOUT.uid)


async def test_an_end_that_cannot_be_read_frees_nothing(real_bus: Bus):
    await real_bus.publish(subjects.of_gone(ABOUT.uid), b"not json")
    assert not await JetCensus(real_bus).gone(ABOUT.uid)


async def test_a_claim_is_its_owners_until_the_bus_says_that_the_owner_is_gone(real_bus: Bus, real_plane: JetPlane):
    claims = Claims(Bucket(real_bus, streams.CLAIM.name), JetCensus(real_bus).gone)
    rival = msgspec.structs.replace(ABOUT, name="mv-2", uid="uid-2")
    assert (await claims.take("repo", "v1", ABOUT)).uid == ABOUT.uid
    assert (await claims.take("repo", "v1", rival)).uid == ABOUT.uid
    await real_plane.say(Gone(ABOUT))
    assert (await claims.take("repo", "v1", rival)).uid == rival.uid
    assert (await claims.take("repo", "v1", ABOUT)).uid == rival.uid
