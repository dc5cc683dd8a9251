"""Events are told beside the statuses: in order, bounded, and never for ever."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.contracts.resources.meta import Metadata
from shale.kube import recorder
from shale.kube.recorder import Recorder
from shale.kube.resources import Conflict, Invalid
from shale.testkit.samples import built
from shale.testkit.soon import soon


class Told:
    """As much of an API server as events need: it keeps them by name, and may be away or refuse."""

    def __init__(self):
        self.kept, self.away, self.refuses, self.has_events = {}, 0, False, True
        self.asked = 0

    async def serves(self, gvk):
        del gvk
        return self.has_events

    async def create(self, event):
        self.asked += 1
        if self.away:
            self.away -= 1
            raise Transient("away")
        name = event["metadata"]["name"]
        if self.refuses or name in self.kept:
            return Invalid("no") if self.refuses else Conflict("there")
        self.kept[name] = event
        return event

    async def apply(self, event):
        self.asked += 1
        self.kept[event["metadata"]["name"]] = event
        if self.away:  # it was written, and the answer was lost
            self.away -= 1
            raise Transient("away")
        return event


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(recorder, "AGAIN", 0.01)


@pytest.fixture
def told():
    return Told()


@asynccontextmanager
async def running(told):
    one = Recorder(told, "here/1", lambda: "2026-01-01T00:00:00.000000Z")
    task = asyncio.ensure_future(one.run())
    yield one
    task.cancel()
    await asyncio.wait([task])


def note(one, number, reason="Packing", version="1", phase="Packing"):
    obj = msgspec.structs.replace(built("team-a"), metadata=Metadata("m", "team-a", f"u-{number}", version, 1))
    ready = {"type": "Ready", "status": "False", "reason": reason}
    one.note(obj, msgspec.convert({"phase": phase, "observedGeneration": 1, "conditions": [ready]}, type(obj.status)))


def flips(one, times):
    """One claim is not there, then its folder is not, then the claim again."""
    for number in range(times):
        note(one, 1, ("ClaimNotFound", "SourceNotFound")[number % 2], str(number))


def counts(told):
    return {one["reason"]: one.get("series", {}).get("count", 1) for one in told.kept.values()}


async def test_what_is_noted_is_told_once(told):
    async with running(told) as one:
        for number in (1, 2):
            note(one, number)
        await soon(lambda: told.asked == 2)
        assert len(told.kept) == 2


async def test_what_comes_back_is_told_once_more_with_its_time(told):
    async with running(told) as one:
        flips(one, 5)
        await soon(lambda: told.asked == 5)
        assert counts(told) == {"ClaimNotFound": 3, "SourceNotFound": 2}
        assert all(event["series"]["lastObservedTime"] for event in told.kept.values())


async def test_what_is_told_twice_as_its_answer_was_lost_is_counted_once(told):
    async with running(told) as one:
        flips(one, 2)
        await soon(lambda: told.asked == 2)
        told.away = 2
        note(one, 1, "ClaimNotFound", "9")
        await soon(lambda: told.asked == 5)
        assert counts(told)["ClaimNotFound"] == 2


async def test_who_begins_anew_takes_nothing_for_what_another_told(told):
    for version in ("1", "2"):
        async with running(told) as one:
            note(one, 1, "ClaimNotFound", version)
            await soon(lambda version=version: len(told.kept) == int(version))


async def test_what_goes_to_and_fro_is_told_so_often_and_its_end_all_the_same(told):
    async with running(told) as one:
        flips(one, recorder.BURST + 20)
        note(one, 1, "ImageBuilt", "99", "Ready")
        note(one, 2)
        await soon(lambda: len(told.kept) == 4)
        assert told.asked == recorder.BURST + 2
        assert counts(told)["ImageBuilt"] == 1


async def test_no_more_events_are_remembered_than_may_be(told, monkeypatch):
    monkeypatch.setattr(recorder, "KNOWN", 3)
    async with running(told) as one:
        for number in range(5):
            note(one, number)
        note(one, 0, version="2")
        await soon(lambda: told.asked == 6)
        assert len(told.kept) == 6


async def test_a_server_that_is_away_for_a_moment_hears_it_later(told):
    told.away = 2
    async with running(told) as one:
        note(one, 1)
        await soon(lambda: told.kept)


async def test_what_cannot_be_told_is_dropped_and_the_next_is_told(told):
    told.away = recorder.TRIES
    async with running(told) as one:
        note(one, 1)
        note(one, 2)
        await soon(lambda: told.kept)
        assert [event["regarding"]["uid"] for event in told.kept.values()] == ["u-2"]


async def test_what_is_refused_ends_nobody(told):
    told.refuses = True
    async with running(told) as one:
        note(one, 1)
        await soon(lambda: told.asked == 1)
        told.refuses = False
        note(one, 2)
        await soon(lambda: told.kept)


async def test_a_server_without_events_is_not_asked(told):
    told.has_events = False
    async with running(told) as one:
        note(one, 1)
        told_later = 2
        await asyncio.sleep(0)
        told.has_events = True
        note(one, told_later)
        await soon(lambda: any(event["regarding"]["uid"] == "u-2" for event in told.kept.values()))


async def test_the_oldest_gives_way_when_too_many_wait(told):
    one = Recorder(told, "here/1")
    for number in range(recorder.WAITING + 5):
        note(one, number)
    task = asyncio.ensure_future(one.run())
    await soon(lambda: told.asked == recorder.WAITING)
    task.cancel()
    await asyncio.wait([task])
    uids = {event["regarding"]["uid"] for event in told.kept.values()}
    assert "u-0" not in uids
    assert f"u-{recorder.WAITING + 4}" in uids
