"""The leader's look at the bus: what it measures, warns of, and takes for a wipe."""

import asyncio
import logging
from contextlib import suppress

import pytest

from shale.contracts.errors import Transient
from shale.runtime.bus.store import Stock
from shale.watcher import keeper
from shale.watcher.keeper import Keeper

FACTS = Stock("SHALE_FACTS", used=10, allowed=100, born="a", last=5, messages=3)
EMPTIED = Stock("SHALE_FACTS", used=0, allowed=100, born="a", last=5, messages=0)
ANEW = Stock("SHALE_FACTS", used=0, allowed=100, born="b", last=0, messages=0)
NOW = Stock("SHALE_NOW", used=1, allowed=100, born="a", last=5, messages=3)
NOTHING_LEFT = Stock("SHALE_NOW", used=0, allowed=100, born="b", last=0, messages=0)


class Shelf:
    """Streams as each look finds them; the last look over and over. None: the bus does not answer."""

    def __init__(self, *looks):
        self.looks = list(looks)

    async def stocks(self):
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if look is None:
            raise Transient("no answer")
        return look


def wipes(*looks):
    """Return how often the bus is taken for wiped."""
    found = []
    one = Keeper(Shelf(), lambda: found.append(1))
    for look in looks:
        one.weigh(look)
    return len(found)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(FACTS,)], 0, id="the first look knows of nothing before"),
        pytest.param([(FACTS,), (FACTS, NOW)], 0, id="what goes on is no wipe"),
        pytest.param([(FACTS,), (EMPTIED,)], 1, id="what was emptied is one"),
        pytest.param([(FACTS,), (EMPTIED,), (EMPTIED,)], 1, id="it is told once"),
        pytest.param([(FACTS,), (ANEW,)], 1, id="what was made anew is one"),
        pytest.param([(FACTS,), (), (), (ANEW,)], 1, id="what was deleted is one as soon as it is made anew"),
        pytest.param([(FACTS,), (), (FACTS,)], 0, id="what was merely not seen is none"),
        pytest.param([(FACTS, NOW), (FACTS, NOTHING_LEFT)], 0, id="readings that are lost are none"),
    ],
)
def test_a_wiped_bus(looks, expected):
    assert wipes(*looks) == expected


def test_what_fills_is_warned_of_once_until_it_has_room_again(caplog):
    caplog.set_level(logging.WARNING, "shale.watcher")
    full, one = Stock("SHALE_DEAD", 70, 100), Keeper(Shelf(), lambda: None)
    for look in ((full,), (full,), (Stock("SHALE_DEAD", 10, 100),), (full,)):
        one.weigh(look)
    assert [record.getMessage() for record in caplog.records] == ["stream fills", "stream fills"]


async def test_a_bus_that_does_not_answer_is_looked_at_again(monkeypatch):
    monkeypatch.setattr(keeper, "EVERY", 0)
    found = asyncio.Event()
    task = asyncio.create_task(Keeper(Shelf(None, (FACTS,), None, (ANEW,)), found.set).run())
    await asyncio.wait_for(found.wait(), 60)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
