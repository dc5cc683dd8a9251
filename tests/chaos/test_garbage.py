"""What cannot be decoded is kept with its reason, and does not stand in the way of the true word."""

import pytest

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.facts import ImageBuilt, StorageReady
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.resources import ModelVersion
from shale.testkit.house import House
from shale.testkit.visitor import Visitor

pytestmark = pytest.mark.real_nats

GARBAGE = b'{"specversion":"1.0","type":"nonsense'


def _about(version: ModelVersion) -> About:
    meta = version.metadata
    return About("modelversion", meta.namespace, meta.name, meta.uid, meta.generation)


async def _buried(visitor: Visitor, subject: str) -> dict[str, str]:
    """Wait for the dead letter of a subject; return its headers."""

    async def look() -> dict[str, str] | None:
        for one in await visitor.left(streams.DEAD, "shale.dead.>"):
            message = await visitor.bus.stream.get_last_msg(streams.DEAD.name, one)
            if (message.headers or {}).get("Shale-Dead-Subject") == subject:
                assert message.data == GARBAGE
                return message.headers
        return None

    return await visitor.until(f"a dead letter of {subject}", look)


async def test_a_fact_that_cannot_be_decoded_is_buried_and_deleted_so_that_the_true_one_can_be_told(
    house: House, visitor: Visitor, weights
) -> None:
    provisioner = house.the("storage-provisioner")
    provisioner.stop()
    weights("garbled-fact")
    version = await visitor.apply("garbled-fact")
    subject = subjects.of_fact(StorageReady(_about(version), "file:///x"))
    assert await visitor.bus.publish(subject, GARBAGE, {})
    why = await _buried(visitor, subject)
    assert "cannot be decoded" in why["Shale-Dead-Why"]

    async def deleted() -> bool:
        return not await visitor.left(streams.FACTS, subject)

    await visitor.until("the garbage out of the facts", deleted)
    provisioner.start()
    await visitor.reaches("garbled-fact")
    assert await visitor.times(ImageBuilt, version.metadata.uid) == {"1": 1}


async def test_a_job_that_cannot_be_decoded_is_buried_and_out_of_the_queue(visitor: Visitor) -> None:
    about = About("modelversion", "team-a", "nobody", "0b7e0000-0000-4000-8000-000000000001", 1)
    subject = subjects.of_job(ScanArtifact(about, "all~1", "file:///x"))
    assert await visitor.bus.publish(subject, GARBAGE, {})
    assert (await _buried(visitor, subject))["Shale-Dead-Service"] == "builder-sync"

    async def ended() -> bool:
        return await visitor.jobs(about.uid) == []

    await visitor.until("the garbage out of the queue", ended)
    assert visitor.all_heard(PackLayer, about.uid) == []


async def test_a_job_on_a_subject_that_nobody_of_ours_asks_on_is_buried_and_ends_no_process(
    house: House, visitor: Visitor
) -> None:
    subject = "shale.job.pack-layer.team-a.u.1.too.many"
    assert await visitor.bus.publish(subject, GARBAGE, {})
    await _buried(visitor, subject)
    assert house.the("builder-sync").is_running


async def test_a_version_whose_job_cannot_be_decoded_fails_and_says_so(house: House, visitor: Visitor, weights) -> None:
    builder, worker = house.the("image-builder"), house.the("builder-sync")
    builder.stop()
    worker.stop()
    weights("garbled-job")
    version = await visitor.apply("garbled-job")
    subject = subjects.of_job(ScanArtifact(_about(version), "all~1", "file:///models/garbled-job"))
    assert await visitor.bus.publish(subject, GARBAGE, {})
    builder.start()
    worker.start()
    await _buried(visitor, subject)
    failed = await visitor.reaches("garbled-job", "Failed")
    stalled = next(one for one in failed.status.conditions if one.type == "Stalled")
    assert stalled.reason == "Undecodable"
    assert "shale retry" in stalled.message
    await visitor.apply("garbled-job", attempt=1)
    await visitor.reaches("garbled-job", generation=2)
