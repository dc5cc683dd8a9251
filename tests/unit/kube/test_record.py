"""What lies in the bucket."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec

from shale.contracts.resources import KINDS
from shale.kube import record
from shale.kube.embedded import EmbeddedResources
from shale.kube.records import REMEMBERED
from shale.testkit.asking import applied
from shale.testkit.bucket import MemoryBucket
from shale.testkit.samples import MODEL, VERSION, built, model, version


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_object_lies_under_its_kind_namespace_and_name_as_json():
    bucket = MemoryBucket()
    await applied(EmbeddedResources(bucket), version("team-a"))
    entry = await bucket.get("modelversion.team-a.mv-1")
    assert entry is not None
    kept = json.loads(entry.value)
    assert kept["spec"] == version("team-a")["spec"]
    assert kept["metadata"]["name"] == "mv-1"
    assert "status" not in kept


async def test_times_are_in_utc_to_the_second():
    moment = datetime(2026, 11, 20, 13, 0, 0, 999_999, timezone(timedelta(hours=1)))
    store = EmbeddedResources(MemoryBucket(), clock=lambda: moment)
    assert (await applied(store, model("a"))).metadata.creation_timestamp == "2026-11-20T12:00:00Z"


async def test_uids_are_handed_in():
    store = EmbeddedResources(MemoryBucket(), clock=lambda: datetime.now(UTC), make_uid=iter(["one", "two"]).__next__)
    assert (await applied(store, model("a"))).metadata.uid == "one"


async def test_what_is_gone_leaves_nothing_behind_in_the_end():
    clock = Clock()
    bucket = MemoryBucket(clock)
    store = EmbeddedResources(bucket)
    await applied(store, model("a"))
    await store.delete(MODEL, "a", "resnet")
    assert await bucket.get("model.a.resnet") is not None
    clock.now = REMEMBERED + 1
    assert await bucket.get("model.a.resnet") is None
    assert (await applied(store, model("a"))).metadata.generation == 1


def test_the_kind_of_an_object_is_its_own():
    assert record.kind_of(built("a")) is KINDS["model"]
    assert VERSION.word == "modelversion"


def test_a_record_comes_back_as_it_was():
    meta = msgspec.structs.replace(built("a").metadata, uid="u-1", generation=1)
    kept = record.Record(meta, {"description": "x"}, {"phase": "y"}, {"user": (("spec", "a.b"),)})
    assert record.decode(MODEL, "model.a.resnet", record.encode(kept)) == kept
