"""The bus loses its memory under Ready versions: nothing is built again, and everything can still be deleted."""

from pathlib import Path

import pytest

from shale.contracts import streams
from shale.contracts.facts import ImageBuilt
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.resources import KINDS, ModelVersion
from shale.testkit.house import House
from shale.testkit.visitor import NAMESPACE, Visitor

pytestmark = pytest.mark.real_nats

MANY = 100
WIPED = (streams.FACTS, streams.NOW, streams.JOBS, streams.TICKS)


def _files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


async def _versions(visitor: Visitor) -> dict[str, ModelVersion]:
    listing = await visitor.resources.list(KINDS["modelversion"], NAMESPACE)
    return {one.metadata.name: one for one in listing.items if isinstance(one, ModelVersion)}


async def _all_ready(visitor: Visitor, count: int) -> dict[str, ModelVersion]:
    async def look() -> dict[str, ModelVersion] | None:
        found = await _versions(visitor)
        return found if [one.status.phase for one in found.values()] == ["Ready"] * count else None

    return await visitor.until(f"{count} versions Ready", look, within=120)


async def _all_forgotten(visitor: Visitor) -> None:
    async def forgotten() -> bool:
        return await visitor.left(streams.FACTS, "shale.fact.>") == {} == await visitor.left(streams.NOW, "shale.now.>")

    await visitor.until("what was said of them purged", forgotten, within=60)


@pytest.mark.timeout(180)
async def test_streams_that_are_made_anew_under_a_running_watcher_are_told_everything_again(
    house: House, visitor: Visitor, weights
) -> None:
    for name in ("before", "after"):
        weights(name)
    await visitor.apply("before")
    before = await visitor.reaches("before", within=60)
    for stream in streams.STREAMS:
        assert (await visitor.bus.api(f"STREAM.DELETE.{stream.name}", {})).get("success")
    visitor.heard.clear()
    await house.provision()
    await visitor.hears(ImageBuilt, before.metadata.uid, within=60)
    assert [one for one in visitor.heard if isinstance(one.message, (ScanArtifact, PackLayer))] == []
    await visitor.apply("after")
    await visitor.reaches("after", within=60)
    await visitor.delete("tiny", "model")
    for name in ("before", "after"):
        await visitor.vanishes(name, within=60)
    await _all_forgotten(visitor)


@pytest.mark.timeout(180)
async def test_of_a_hundred_ready_versions_none_is_built_again_when_the_bus_is_wiped_and_each_can_still_be_deleted(
    house: House, visitor: Visitor, weights
) -> None:
    for number in range(MANY):
        weights(f"mv-{number}")
        await visitor.apply(f"mv-{number}", imageRepo="models/many", modelName=f"model-{number % 10}")
    before = await _all_ready(visitor, MANY)
    blobs = _files(house.registry)
    watcher = house.the("watcher")
    assert watcher.stop() == 0
    for stream in WIPED:
        purged = await visitor.bus.api(f"STREAM.PURGE.{stream.name}", {})
        assert purged.get("success"), purged
    visitor.heard.clear()
    watcher.start()

    for version in before.values():
        await visitor.hears(ImageBuilt, version.metadata.uid, within=60)
    after = await _all_ready(visitor, MANY)
    asked = [one for one in visitor.heard if isinstance(one.message, (ScanArtifact, PackLayer))]
    assert asked == []
    assert _files(house.registry) == blobs
    for name, version in before.items():
        assert after[name].status == version.status

    await visitor.delete("mv-7")
    await visitor.vanishes("mv-7")
    for model in range(10):
        await visitor.delete(f"model-{model}", "model")

    async def none_left() -> bool:
        return not await _versions(visitor)

    await visitor.until("every version gone", none_left, within=120)

    await _all_forgotten(visitor)
