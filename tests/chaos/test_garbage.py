"""What cannot be decoded is kept with its reason, and does not stand in the way of the true word."""

import asyncio
import urllib.request

import pytest

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.facts import Declared, ImageBuilt, StorageReady
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.resources import KINDS, ModelVersion
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.jetplane import JetPlane
from shale.testkit.house import House
from shale.testkit.toys import SPEC
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


async def test_what_strangers_write_ends_no_watcher_and_hides_nobody(house: House, visitor: Visitor, weights) -> None:
    weights("beside")
    watcher = house.the("watcher")
    odd = [f"modelversion.team-a.{name}" for name in ("odd", "worse")]
    bucket = Bucket(visitor.bus, streams.OBJECTS.name)
    assert await bucket.create(odd[0], GARBAGE)
    assert await bucket.create(odd[1], b'{"metadata":{"name":"worse","namespace":"team-a","uid":"a b.>"},"spec":{}}')
    for subject in (
        "shale.fact.modelversion.team-a.n.uid!.1.declared",
        "shale.fact.modelversion.team-a.n.uid.01.declared",
        f"shale.fact.modelversion.team-a.n.uid.{'9' * 400}.declared",
        "shale.gone.uid!",
    ):
        assert await visitor.bus.publish(subject, GARBAGE, {})
    stranger = Declared(About("modelversion", "team-a", "nobody", "uid-of-nobody", 3), SPEC, "")
    assert await JetPlane(visitor.bus, "stranger").say(stranger)
    watcher.stop()
    watcher.start()
    await visitor.apply("beside")
    await visitor.reaches("beside", within=60)

    async def over() -> bool:
        return bool(await visitor.left(streams.FACTS, "shale.gone.uid-of-nobody"))

    await visitor.until("the stranger's object gone", over, within=60)
    listing = await visitor.resources.list(KINDS["modelversion"], "team-a")
    assert sorted(one.metadata.name for one in listing.unreadable) == ["odd", "worse"]
    assert watcher.is_running
    for key in odd:
        await visitor.delete(key.rpartition(".")[2])
    await visitor.delete("beside")
    await visitor.vanishes("beside", within=60)


def _metrics(house: House) -> str:
    """Return what the watcher measures."""
    port = house.the("watcher").says("up")[-1]["health_port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return answer.read().decode()


async def test_how_full_each_stream_is_and_what_cannot_be_read_are_metrics_of_the_watcher(
    house: House, visitor: Visitor
) -> None:
    wanted = [
        *(("shale_stream_used_bytes", f'stream="{name}"') for name in streams.stored()),
        *(("shale_stream_allowed_bytes", f'stream="{name}"') for name in streams.stored()),
        *(("shale_unreadable", f'kind="{kind}"') for kind in KINDS),
    ]

    async def measured() -> bool:
        lines = (await asyncio.to_thread(_metrics, house)).splitlines()
        return all(any(line.startswith(f"{name}{{") and label in line for line in lines) for name, label in wanted)

    await visitor.until("the gauges", measured, within=60)
