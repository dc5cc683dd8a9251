"""`shale init` on a real server: what it makes is what the contracts say, read back from the server itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from shale.contracts import streams
from shale.contracts.errors import Transient
from shale.runtime.bus import provision as module
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.provision import consumers, provision
from shale.runtime.installed import services
from shale.testkit.fixtures import MOST
from shale.testkit.toys import FORGETTER, JOINER, PACKER

pytestmark = pytest.mark.real_nats

NS = 1_000_000_000
TOYS = (JOINER, PACKER, FORGETTER)
CARDS = tuple(card for cards in services().values() for card in cards)


@pytest.fixture
def bus_cards():
    return CARDS


async def config_of(bus: Bus, what: str) -> dict[str, Any]:
    """What the server says of a stream, or of a consumer as `<stream>.<name>`."""
    answer = await bus.api(f"{'CONSUMER' if '.' in what else 'STREAM'}.INFO.{what}", {})
    assert "error" not in answer, (what, answer)
    return answer["config"]


@pytest.mark.parametrize("stream", streams.STREAMS, ids=lambda stream: stream.name)
async def test_a_stream_is_what_the_contracts_say(stream: streams.Stream, real_bus: Bus):
    there = await config_of(real_bus, stream.name)
    assert stream.max_bytes > 0, "a stream without a bound fills the disk of all others"
    bound = min(stream.max_bytes, MOST)
    assert {key: there.get(key) for key in ("retention", "discard", "max_bytes", "description")} == {
        "retention": stream.retention,
        "discard": stream.discard,
        "max_bytes": bound,
        "description": stream.why,
    }
    assert tuple(there.get("subjects") or ()) == stream.subjects
    assert tuple(source["name"] for source in there.get("sources") or ()) == stream.sources
    assert there["max_age"] == stream.max_age * NS
    assert there["max_msgs_per_subject"] == stream.per_subject
    assert there.get("discard_new_per_subject", False) is (stream.discard == "new")
    assert there.get("allow_msg_ttl", False) is stream.ttl
    assert there.get("allow_msg_schedules", False) is stream.schedules


@pytest.mark.parametrize("bucket", streams.BUCKETS, ids=lambda bucket: bucket.name)
async def test_a_bucket_is_what_the_contracts_say(bucket: streams.Bucket, real_bus: Bus):
    there = await config_of(real_bus, f"KV_{bucket.name}")
    assert there["max_bytes"] == min(bucket.max_bytes, MOST) > 0
    assert there["subjects"] == [f"$KV.{bucket.name}.>"]
    assert (there["max_msgs_per_subject"], there["max_age"]) == (1, bucket.ttl * NS)
    assert (there["allow_msg_ttl"], there["discard"]) == (True, bucket.discard)
    assert "subject_delete_marker_ttl" not in there, "an expired lease could not be taken at once"


async def test_everything_is_on_disk_read_directly_and_has_the_shortest_window_for_duplicates(real_bus: Bus):
    buckets = (f"KV_{bucket.name}" for bucket in streams.BUCKETS)
    for name in (*(stream.name for stream in streams.STREAMS), *buckets):
        there = await config_of(real_bus, name)
        assert (there["storage"], there["allow_direct"], there["duplicate_window"]) == ("file", True, NS // 10), name


async def test_each_consumer_of_every_card_is_tried_for_ever_and_held_up_by_nothing(real_bus: Bus):
    for one in (one for card in CARDS for one in consumers(card)):
        there = await config_of(real_bus, f"{one.stream}.{one.name}")
        assert (there["max_deliver"], there["max_ack_pending"]) == (-1, -1)
        assert (there["ack_policy"], there["ack_wait"], there["deliver_policy"]) == ("explicit", 30 * NS, "all")
        assert tuple(there["filter_subjects"]) == one.filters
        assert "backoff" not in there, "it overrides ack_wait"
        assert "inactive_threshold" not in there, "a service that is scaled to zero keeps its place"


async def test_a_second_time_changes_nothing_and_says_so(real_bus: Bus):
    assert await provision(real_bus, CARDS, most=MOST) == []


async def test_what_was_said_and_who_read_how_far_outlive_a_second_time(real_bus: Bus):
    await real_bus.publish("shale.dead.X.1", b"kept")
    before = await real_bus.api("CONSUMER.INFO.SHALE_FACTS.scribe", {})
    await provision(real_bus, CARDS, most=MOST)
    assert (await real_bus.api("STREAM.INFO.SHALE_DEAD", {}))["state"]["messages"] == 1
    assert (await real_bus.api("CONSUMER.INFO.SHALE_FACTS.scribe", {}))["created"] == before["created"]


async def test_a_limit_that_changed_is_applied_and_said(real_bus: Bus):
    await real_bus.publish("shale.dead.X.1", b"kept")
    buckets = [f"KV_{bucket.name}" for bucket in streams.BUCKETS]
    assert await provision(real_bus, CARDS, most=MOST // 2) == [
        f"stream {name} (changed)" for name in (*buckets, *(stream.name for stream in streams.STREAMS))
    ]
    assert (await config_of(real_bus, "SHALE_DEAD"))["max_bytes"] == MOST // 2
    assert (await real_bus.api("STREAM.INFO.SHALE_DEAD", {}))["state"]["messages"] == 1


async def test_a_card_that_hears_more_and_another_ack_wait_are_applied_and_said(real_bus_for):
    bus = await real_bus_for(*TOYS)
    deaf = msgspec.structs.replace(JOINER, hears=JOINER.hears[:1])
    await provision(bus, [deaf], most=MOST)
    assert (await config_of(bus, "SHALE_FACTS.joiner"))["filter_subjects"] == list(consumers(deaf)[0].filters)
    assert await provision(bus, TOYS, most=MOST) == ["consumer SHALE_FACTS/joiner (changed)"]
    assert await provision(bus, [PACKER], ack_wait=7, most=MOST) == ["consumer SHALE_JOBS/packer (changed)"]
    assert (await config_of(bus, "SHALE_JOBS.packer"))["ack_wait"] == 7 * NS


async def test_what_was_deleted_is_made_again(real_bus: Bus):
    await real_bus.api("STREAM.DELETE.SHALE_JOBS", {})
    await real_bus.api("CONSUMER.DELETE.SHALE_FACTS.scribe", {})
    assert set(await provision(real_bus, CARDS, most=MOST)) == {
        "stream SHALE_JOBS",
        "consumer SHALE_FACTS/scribe",
        "consumer SHALE_JOBS/builder-sync",
    }


async def test_what_the_server_refuses_to_change_is_told_by_name(real_bus: Bus, monkeypatch):
    other = msgspec.structs.replace(streams.JOBS, retention="limits")
    monkeypatch.setattr(module.streams, "STREAMS", (other,))
    with pytest.raises(Transient, match=r"^stream SHALE_JOBS: .*retention.*Is nats-server 2\.12 or newer, with -js\?$"):
        await provision(real_bus, CARDS, most=MOST)


async def test_no_two_consumers_share_a_job(real_bus: Bus):
    taken = [
        subject for card in CARDS for one in consumers(card) if one.stream == "SHALE_JOBS" for subject in one.filters
    ]
    assert len(taken) == len(set(taken))
    assert (await config_of(real_bus, "SHALE_JOBS"))["retention"] == "workqueue"
