"""Reading levels from a real server: what is too much, what was purged, what cannot be read, what is silent."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from shale.contracts import streams, subjects
from shale.contracts.envelope import wrap
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Gone, Held, ImageBuilt, LayerPacked, Progressed, StorageReady
from shale.runtime.bus import levels
from shale.runtime.bus.connection import Bus, connected
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.levels import last_reading, read, read_fresh
from shale.testkit.messages import messages
from shale.testkit.toys import ABOUT, ALL, declared

pytestmark = pytest.mark.real_nats

FACTS = streams.FACTS.name
MINE = (f"shale.fact.modelversion.{ABOUT.namespace}.{ABOUT.name}.{ABOUT.uid}.1.>",)
READY = StorageReady(ABOUT, "file:///w")
PROGRESS = Progressed(ABOUT, "builder", "Working")


async def publish(bus: Bus, many: range) -> None:
    """Put raw messages on as many subjects of one generation, in bundles that the client holds at once."""
    for start in range(many.start, many.stop, 100):
        bundle = (f"{MINE[0][:-1]}layer-packed.{number}-a~1" for number in many[start : start + 100])
        await asyncio.gather(*(bus.publish(subject, b"{}") for subject in bundle))


async def test_more_subjects_than_the_server_answers_at_once_are_a_clear_error_and_no_half_level(real_bus: Bus):
    await publish(real_bus, range(1100))
    with pytest.raises(Transient, match=rf"^reading {FACTS} under .*uid-1\.1\.>: 413 Too Many Results$"):
        await asyncio.wait_for(read(real_bus, FACTS, MINE), 60)


async def test_a_thousand_subjects_are_read_whole(real_bus: Bus, real_plane: JetPlane):
    packed = next(one for one in messages().values() if isinstance(one, LayerPacked))
    for start in range(0, 1000, 100):
        many = (LayerPacked(ABOUT, f"{number}-a~1", packed.layer) for number in range(start, start + 100))
        await asyncio.gather(*(real_plane.say(one) for one in many))
    level = await read(real_bus, FACTS, MINE)
    assert len({one.fact.part for one in level.said if isinstance(one.fact, LayerPacked)}) == 1000
    assert level.up_to == 1000


async def test_nothing_under_the_filters_is_an_empty_level(real_bus: Bus):
    assert await read(real_bus, FACTS, MINE) == levels.Level()


async def test_of_a_fact_that_was_purged_since_there_is_nothing(real_bus: Bus, real_plane: JetPlane):
    sequence = await real_plane.say(READY)
    assert await read_fresh(real_bus, FACTS, MINE, sequence) is not None
    await real_plane.forget(ABOUT, ALL)
    assert await read_fresh(real_bus, FACTS, MINE, sequence) is None


async def test_a_fact_that_not_even_the_leader_has_counts_as_purged(real_bus: Bus, real_plane: JetPlane):
    sequence = await real_plane.say(READY)
    assert await read_fresh(real_bus, FACTS, MINE, sequence + 1) is None


async def test_what_cannot_be_decoded_is_skipped_and_hides_nothing_beside_it(real_bus: Bus, real_plane: JetPlane):
    await real_bus.publish(subjects.of_fact(declared()), b"not json")
    await real_bus.publish(f"{MINE[0][:-1]}newer-word", b'{"type":"dev.shale.modelversion.newer.v1"}')
    await real_bus.publish(f"{MINE[0][:-1]}image-built", b"[" * 100_000 + b"]" * 100_000)
    await real_bus.publish(f"{MINE[0][:-1]}refused.x", wrap(StorageReady(ABOUT, "of another word"), "x", 0))
    sequence = await real_plane.say(READY)
    level = await read_fresh(real_bus, FACTS, MINE, sequence)
    assert level is not None
    assert [one.fact for one in level.said] == [READY]


async def test_what_is_skipped_is_not_waited_for(real_bus: Bus):
    ack = await real_bus.publish(subjects.of_fact(READY), b"not json")
    assert ack is not None
    level = await asyncio.wait_for(read_fresh(real_bus, FACTS, MINE, ack.seq), 60)
    assert level is not None
    assert level.said == ()


async def test_filters_that_overlap_tell_each_fact_once(real_bus: Bus, real_plane: JetPlane):
    image = next(one for one in messages().values() if isinstance(one, ImageBuilt))
    await real_plane.say(declared())
    await real_plane.say(image)
    level = await read(real_bus, FACTS, subjects.levels(ABOUT))
    assert [type(one.fact).__name__ for one in sorted(level.said, key=lambda one: one.sequence)] == [
        "Declared",
        "ImageBuilt",
    ]


async def test_a_reading_that_cannot_be_decoded_still_says_what_to_replace(real_bus: Bus):
    ack = await real_bus.publish(subjects.of_fact(PROGRESS), b"not json")
    assert ack is not None
    assert await last_reading(real_bus, streams.NOW.name, subjects.of_fact(PROGRESS)) == (None, ack.seq)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested too deeply"),
        pytest.param(wrap(Progressed(ABOUT, "another", "Working"), "x", 0), id="of another part"),
    ],
)
async def test_a_reading_that_is_not_what_its_subject_says_counts_for_nothing(sent, real_bus: Bus):
    ack = await real_bus.publish(subjects.of_fact(PROGRESS), sent)
    assert ack is not None
    assert await last_reading(real_bus, streams.NOW.name, subjects.of_fact(PROGRESS)) == (None, ack.seq)


async def test_no_reading_is_none_at_revision_0(real_bus: Bus):
    assert await last_reading(real_bus, streams.NOW.name, subjects.of_fact(PROGRESS)) == (None, 0)


@pytest.mark.parametrize("ask", [read, lambda bus, stream, filters: last_reading(bus, stream, filters[0])])
async def test_a_stream_that_is_not_there_is_a_transient(ask, real_bus: Bus):
    await real_bus.api(f"STREAM.DELETE.{FACTS}", {})
    with pytest.raises(Transient, match=FACTS):
        await asyncio.wait_for(ask(real_bus, FACTS, MINE), 60)


async def test_a_server_that_is_silent_is_a_transient_and_leaves_no_inbox_behind(own_nats, monkeypatch):
    async with connected(own_nats.url, "test", fatal=False) as bus:
        monkeypatch.setattr(levels, "TIMEOUT", 0.3)
        own_nats.pause()
        try:
            for _ in range(3):
                with pytest.raises(Transient, match="TimeoutError"):
                    await asyncio.wait_for(read(bus, FACTS, MINE), 60)
            assert len(bus.client._subs) == 0  # noqa: SLF001
        finally:
            own_nats.resume()


async def raised(bus: Bus, generations: range) -> None:
    """Declare many generations of one object, none of which ends."""
    for start in range(generations.start, generations.stop, 100):
        some = (declared(ABOUT.at(one)) for one in generations[start - generations.start :][:100])
        await asyncio.gather(*(bus.publish(subjects.of_fact(one), wrap(one, "announce", 0)) for one in some))


async def test_of_more_generations_than_are_answered_at_once_the_newest_are_read(real_bus: Bus, real_plane: JetPlane):
    image = next(one for one in messages().values() if isinstance(one, ImageBuilt))
    await real_plane.say(Held(ABOUT.whole(), "builder"))
    await raised(real_bus, range(1, 1101))
    built = msgspec.structs.replace(image, about=ABOUT.at(7))
    await real_plane.say(built)
    last = await real_plane.say(Gone(ABOUT.at(1101)))
    told = await real_plane.told(ABOUT.at(1101), last, asked=False, readings=False)
    assert told is not None
    assert (told.gone, told.holders, told.built, told.up_to) == (True, ("builder",), built, last)
    assert told.declared == declared(ABOUT.at(1100))
    assert declared(ABOUT.at(7)) in [one.fact for one in told.said], "what the image that counts was asked for by"
    assert len(told.said) < 200
    assert await real_plane.named("modelversion", ABOUT.namespace, ABOUT.name) is None
    await real_plane.forget(ABOUT, told.up_to, before=1100, keep=7)
    told = await real_plane.told(ABOUT.at(1100), last, asked=False, readings=False)
    assert told is not None
    kept = {(type(one.fact), one.fact.about.generation) for one in told.said}
    assert kept == {(Held, 0), (Declared, 7), (ImageBuilt, 7), (Declared, 1100), (Gone, 1101)}


async def test_what_is_told_while_generations_are_listed_counts_as_unread(real_bus: Bus, real_plane: JetPlane):
    await raised(real_bus, range(1, 1101))
    image = next(one for one in messages().values() if isinstance(one, ImageBuilt))
    late: list[int] = []

    class Late(Bus):
        async def api(self, subject, body):
            answer = await super().api(subject, body)
            if str(body.get("subjects_filter")).endswith(".image-built"):
                late.append(await real_plane.say(msgspec.structs.replace(image, about=ABOUT.at(9))))
            return answer

    told = await JetPlane(Late(real_bus.client), "test").told(ABOUT.at(1100), 0, asked=False, readings=False)
    assert told is not None
    assert told.built is None
    assert told.up_to < late[0], "who forgets up to here does not take it"
