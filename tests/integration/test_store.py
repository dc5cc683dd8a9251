"""Streams that fill on a real server: what is refused and how that is told, what is measured, and what makes room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from shale.contracts import streams
from shale.contracts.errors import Transient
from shale.contracts.facts import ImageBuilt, LayerRefused
from shale.runtime.bus.connection import FENCE, Bus, connected
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.provision import provision
from shale.runtime.bus.store import JetStore, Stock
from shale.testkit.nats import NatsServer
from shale.testkit.toys import ABOUT, JOINER, declared

pytestmark = pytest.mark.real_nats

SMALL = 1 << 20
BULK = "x" * 200_000


def bulky(number: int) -> LayerRefused:
    return LayerRefused(ABOUT, f"{number}-a~1", "Bulk", BULK)


async def until_refused(publish: Callable[[int], Awaitable[object]]) -> str:
    """Publish until it is refused; return the server's word."""
    for number in range(10):
        try:
            assert await publish(number)
        except Transient as error:
            return str(error)
    return "all was taken"


async def filled(bus: Bus) -> JetPlane:
    """Make the facts small, and say as much as they take."""
    await provision(bus, [JOINER], most=SMALL)
    plane = JetPlane(bus, "test")
    assert "maximum bytes" in await until_refused(lambda number: plane.say(bulky(number)))
    return plane


async def stock(bus: Bus, name: str = streams.FACTS.name) -> Stock:
    return {one.name: one for one in await JetStore(bus).stocks()}[name]


async def test_what_a_full_stream_refuses_passes_by_itself_and_is_not_taken_for_told(real_bus: Bus):
    plane = await filled(real_bus)
    unsaid = ImageBuilt(ABOUT, "i" * 200_000, "sha256:i", "sha256:m", ())
    with pytest.raises(Transient, match="maximum bytes"):
        await plane.say(unsaid)
    with pytest.raises(Transient, match="maximum bytes"):
        await real_bus.publish("shale.fact.modelversion.a.b.c.1.declared", BULK.encode(), {FENCE: "0"})


async def test_in_a_full_stream_what_was_told_is_still_known_as_told(real_bus: Bus):
    plane = await filled(real_bus)
    assert await plane.say(bulky(0)) == 0


async def test_what_is_asked_twice_in_a_full_stream_is_not_an_error_and_what_is_new_is_told_so(real_bus: Bus):
    await provision(real_bus, [JOINER], most=SMALL)
    subject = "shale.job.pack-layer.a.uid.1.{}"
    assert "maximum bytes" in await until_refused(
        lambda number: real_bus.publish(subject.format(number), BULK.encode())
    )
    assert await real_bus.publish(subject.format(0), b"{}") is None


async def test_what_is_forgotten_makes_room(real_bus: Bus):
    plane = await filled(real_bus)
    level = await plane.told(ABOUT, 0, asked=False, readings=False)
    assert level is not None
    await plane.forget(ABOUT, level.up_to)
    assert await plane.say(declared())


async def test_a_stream_that_fills_says_so_and_setting_up_again_gives_it_more(real_bus: Bus):
    assert not (await stock(real_bus)).is_filling
    await filled(real_bus)
    full = await stock(real_bus)
    assert full.is_filling
    assert full.allowed == SMALL
    assert await provision(real_bus, [JOINER], most=SMALL) == ["stream SHALE_FACTS (changed)"]
    assert (await stock(real_bus)).allowed == 2 * SMALL
    assert await JetPlane(real_bus, "test").say(declared())
    assert await provision(real_bus, [JOINER], most=SMALL) == []


async def test_every_stream_and_bucket_is_measured_by_the_name_that_people_know(real_bus: Bus):
    stocks = {one.name: one for one in await JetStore(real_bus).stocks()}
    assert set(stocks) == {one.name for one in (*streams.STREAMS, *streams.BUCKETS)}
    assert all(one.allowed > 0 for one in stocks.values())


async def test_a_stream_that_is_not_there_is_not_measured(real_bus: Bus):
    await real_bus.api("STREAM.DELETE.SHALE_FACTS", {})
    assert streams.FACTS.name not in {one.name for one in await JetStore(real_bus).stocks()}


async def test_facts_that_go_on_follow_and_those_made_anew_or_emptied_do_not(real_bus: Bus):
    plane = JetPlane(real_bus, "test")
    await plane.say(declared())
    first = await stock(real_bus)
    await plane.say(declared(ABOUT.at(2)))
    second = await stock(real_bus)
    assert second.follows(first)
    await real_bus.api("STREAM.PURGE.SHALE_FACTS", {})
    emptied = await stock(real_bus)
    assert not emptied.follows(second)
    await real_bus.api("STREAM.DELETE.SHALE_FACTS", {})
    await provision(real_bus, [JOINER], most=SMALL)
    assert not (await stock(real_bus)).follows(emptied)


async def test_a_server_with_less_room_than_all_ask_for_gives_each_what_it_has(tmp_path):
    with NatsServer(tmp_path, most="1GB") as server:
        async with connected(server.url, "test", fatal=False) as bus:
            made = await provision(bus, [JOINER])
            stocks = await JetStore(bus).stocks()
            assert len(stocks) == len(streams.STREAMS) + len(streams.BUCKETS)
            assert sum(one.allowed for one in stocks) <= 1 << 30
            assert made[0] == "stream KV_shale-claim"
            assert not any("changed" in line for line in made)
            assert await provision(bus, [JOINER]) == []


async def test_a_server_without_room_is_told_with_its_cure(tmp_path):
    with NatsServer(tmp_path, most="1MB") as server:
        async with connected(server.url, "test", fatal=False) as bus:
            with pytest.raises(Transient, match="max_file_store"):
                await provision(bus, [JOINER])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(Stock("f", 1, 9, "a", 5, 2), Stock("f", 2, 9, "a", 6, 3), True, id="it grew"),
        pytest.param(Stock("f", 1, 9, "a", 5, 2), Stock("f", 1, 9, "a", 5, 1), True, id="some was forgotten"),
        pytest.param(Stock("f", 0, 9, "a", 5, 0), Stock("f", 0, 9, "a", 5, 0), True, id="it is as empty as it was"),
        pytest.param(Stock("f", 1, 9, "a", 5, 2), Stock("f", 1, 9, "b", 7, 4), False, id="it was made anew and filled"),
        pytest.param(Stock("f", 1, 9, "a", 5, 2), Stock("f", 1, 9, "a", 4, 2), False, id="its sequences went back"),
        pytest.param(Stock("f", 1, 9, "a", 5, 2), Stock("f", 0, 9, "a", 5, 0), False, id="it was emptied"),
    ],
)
def test_what_a_stream_became(before, after, expected):
    assert after.follows(before) is expected


@pytest.mark.parametrize(
    ("used", "allowed", "expected"), [(69, 100, False), (70, 100, True), (100, 100, True), (7, 0, False)]
)
def test_somebody_is_told_at_seven_tenths(used, allowed, expected):
    assert Stock("f", used, allowed).is_filling is expected


def test_a_stock_is_one_line_with_its_cure():
    said = str(Stock("SHALE_FACTS", 75, 100))
    assert said.startswith("SHALE_FACTS is 75% full (75 of 100 bytes)")
    assert "shale init" in said
