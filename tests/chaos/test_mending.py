"""What someone must mend, and that it goes on from there: stalled, refused, a tag that two want."""

import os

import pytest

from shale.contracts.facts import ImageBuilt, LayersPlanned, Progressed
from shale.contracts.jobs import PackLayer
from shale.contracts.resources import ModelVersion
from shale.contracts.resources.meta import Condition
from shale.testkit.house import House
from shale.testkit.visitor import Visitor

pytestmark = pytest.mark.real_nats

MIB = 1 << 20


def _stalled(version: ModelVersion) -> Condition | None:
    found = (one for one in version.status.conditions if one.type == "Stalled" and one.status == "True")
    return next(found, None)


async def _stalls(visitor: Visitor, name: str) -> Condition:
    async def look() -> Condition | None:
        found = await visitor.get(name)
        return _stalled(found) if found else None

    return await visitor.until(f"{name} stalled", look)


async def test_a_missing_folder_stalls_with_its_cure_and_heals_by_itself_once_it_is_there(
    visitor: Visitor, weights
) -> None:
    await visitor.apply("late")
    stalled = await _stalls(visitor, "late")
    assert stalled.reason == "SourceNotFound"
    assert "/models/late" in stalled.message
    assert "put the model there" in stalled.message
    weights("late")
    ready = await visitor.reaches("late")
    assert _stalled(ready) is None


async def test_a_link_that_leaves_the_tree_stalls_by_name_and_heals_by_itself_once_it_is_gone(
    house: House, visitor: Visitor, weights
) -> None:
    weights("linked")
    link = house.models / "linked" / "weights.bin"
    link.symlink_to("/etc/hostname")
    uid = (await visitor.apply("linked")).metadata.uid
    stalled = await _stalls(visitor, "linked")
    assert stalled.reason == "UnsafeLink"
    assert "weights.bin" in stalled.message
    link.unlink()
    ready = await visitor.reaches("linked", within=60)
    assert _stalled(ready) is None
    assert await visitor.times(ImageBuilt, uid) == {"1": 1}


async def test_what_stalls_is_built_at_once_by_a_new_attempt(house: House, visitor: Visitor, weights) -> None:
    weights("piped")
    pipe = house.models / "piped" / "pipe"
    os.mkfifo(pipe)
    uid = (await visitor.apply("piped")).metadata.uid
    assert (await _stalls(visitor, "piped")).reason == "NotAFile"
    pipe.unlink()
    await visitor.apply("piped", attempt=1)
    await visitor.reaches("piped", generation=2)
    assert await visitor.times(ImageBuilt, uid) == {"2": 1}


async def test_a_file_replaced_while_it_is_packed_fails_by_name_and_an_attempt_is_built(
    house: House, visitor: Visitor, weights
) -> None:
    weights("replaced", huge=200 * MIB)
    uid = (await visitor.apply("replaced")).metadata.uid
    worker = house.the("builder-sync")
    await visitor.hears(Progressed, uid, "builder-sync.1", state="Working")
    worker.pause()
    file = house.models / "replaced" / "huge.safetensors"
    fresh = file.with_suffix(".new")
    with fresh.open("wb") as other:
        other.truncate(200 * MIB)
    fresh.replace(file)
    os.utime(file)
    worker.resume()
    failed = await visitor.reaches("replaced", "Failed")
    stalled = _stalled(failed)
    assert stalled is not None
    assert stalled.reason == "SourceChanged"
    assert "huge.safetensors" in stalled.message
    assert await visitor.jobs(uid) == []
    await visitor.apply("replaced", attempt=1)
    await visitor.reaches("replaced", generation=2)
    assert await visitor.times(ImageBuilt, uid) == {"2": 1}


async def test_of_two_versions_that_claim_one_tag_at_once_one_is_ready_and_the_other_names_it(
    visitor: Visitor, weights
) -> None:
    for name in ("red", "blue"):
        weights(name)
        await visitor.apply(name, imageRepo="models/contested", imageTag="v1")
    ends = {name: await visitor.reaches(name, "Ready", "Failed") for name in ("red", "blue")}
    (winner,) = [name for name, version in ends.items() if version.status.phase == "Ready"]
    (loser,) = [name for name, version in ends.items() if version.status.phase == "Failed"]
    stalled = _stalled(ends[loser])
    assert stalled is not None
    assert stalled.reason == "TagTaken"
    assert f"team-a/{winner}" in stalled.message
    assert "make a version with another imageTag" in stalled.message
    assert await visitor.times(LayersPlanned, ends[loser].metadata.uid) == {}
    assert visitor.all_heard(PackLayer, ends[loser].metadata.uid) == []
