"""The laws of the bus as the loop sees it, kept by the simulator and by a real nats-server alike."""

import asyncio

import msgspec
import pytest

from shale.contracts import streams
from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.envelope import unwrap
from shale.contracts.facts import (
    Gone,
    Held,
    ImageBuilt,
    LayerPacked,
    LayerRefused,
    Progressed,
    Released,
    Scanned,
    ScanRefused,
)
from shale.contracts.jobs import PackLayer
from shale.runtime.plane import Plane
from shale.runtime.service import Card
from shale.runtime.told import Told
from shale.testkit.rigs import CARD, Rig, Taken
from shale.testkit.toys import ABOUT, ALL, declared

SOON = 60.0
LAYER = Layer("0-abcdef~1", "w.safetensors", 1)
WHOLE = ABOUT.whole()


@pytest.fixture
def bus_cards() -> tuple[Card, ...]:
    return (CARD,)


def layer_packed(part: str = LAYER.part, digest: str = "sha256:a", about: About = ABOUT) -> LayerPacked:
    return LayerPacked(about, part, PackedLayer("w", "weight", digest, 1))


def job(part: str = LAYER.part, about: About = ABOUT) -> PackLayer:
    return PackLayer(about, part, "file:///w", "repo", LAYER)


def working(done: int = 0, attempt: int = 1) -> Progressed:
    return Progressed(ABOUT, "waiter", "Working", bytes_done=done, attempt=attempt)


async def told(
    plane: Plane, about: About = ABOUT, sequence: int = 0, *, asked: bool = False, readings: bool = False
) -> Told:
    level = await plane.told(about, sequence, asked=asked, readings=readings)
    assert level is not None
    return level


# --- milestones: told once ------------------------------------------------------------------------------------------


async def test_of_two_who_say_one_fact_exactly_one_tells_it_and_its_word_stands(rig):
    for contest in range(20):
        about = msgspec.structs.replace(ABOUT, uid=f"uid-{contest}")
        sequences = await asyncio.gather(
            rig.plane.say(layer_packed(digest="sha256:one", about=about)),
            rig.other.say(layer_packed(digest="sha256:two", about=about)),
        )
        assert sorted(bool(sequence) for sequence in sequences) == [False, True]
        winner = "sha256:one" if sequences[0] else "sha256:two"
        [fact] = (await told(rig.plane, about)).all(LayerPacked)
        assert fact.layer.digest == winner


async def test_what_was_told_is_not_told_again_by_the_same_one(plane):
    assert await plane.say(layer_packed()) > 0
    assert await plane.say(layer_packed()) == 0


@pytest.mark.parametrize(
    ("done", "refused"),
    [
        pytest.param(
            lambda about: layer_packed(about=about),
            lambda about: LayerRefused(about, LAYER.part, "WorkerLost", "three died of it"),
            id="a layer",
        ),
        pytest.param(
            lambda about: Scanned(about, "all~1", (), ()),
            lambda about: ScanRefused(about, "all~1", "WorkerLost", "three died of it"),
            id="a scan",
        ),
    ],
)
async def test_of_a_jobs_two_ends_exactly_one_is_told_whoever_comes_first(rig, done, refused):
    for contest in range(20):
        about = msgspec.structs.replace(ABOUT, uid=f"uid-{contest}")
        ends = (done(about), refused(about))
        first, second = ends if contest % 2 else ends[::-1]
        sequences = await asyncio.gather(rig.plane.say(first), rig.other.say(second))
        assert sorted(bool(sequence) for sequence in sequences) == [False, True]
        assert len((await told(rig.plane, about)).said) == 1


async def test_a_worker_that_slept_cannot_tell_the_other_end_of_its_job(plane):
    assert await plane.say(layer_packed()) > 0
    assert await plane.say(LayerRefused(ABOUT, LAYER.part, "WorkerLost", "three died of it")) == 0
    assert await plane.say(layer_packed(digest="sha256:b")) == 0
    [said] = (await told(plane)).said
    assert said.fact == layer_packed()


async def test_the_end_of_one_part_is_no_end_of_another(plane):
    assert await plane.say(layer_packed("0-a~1")) > 0
    assert await plane.say(LayerRefused(ABOUT, "0-a~2", "SourceChanged", "it changed")) > 0


async def test_sequences_rise_over_all_facts(plane):
    sequences = [await plane.say(layer_packed(f"{number}-a~1")) for number in range(4)]
    assert sequences == sorted(set(sequences))


async def test_one_part_says_nothing_of_another(plane):
    await plane.say(layer_packed("0-a~1"))
    assert await plane.say(layer_packed("1-b~1")) > 0


async def test_a_fact_comes_back_as_it_was_said_with_its_sequence_and_time(plane):
    sequence = await plane.say(declared())
    [said] = (await told(plane)).said
    assert (said.fact, said.sequence) == (declared(), sequence)
    assert said.time.endswith("Z")


# --- levels: what is told of one object -----------------------------------------------------------------------------


async def test_of_another_object_of_the_same_name_nothing_is_told(plane):
    await plane.say(layer_packed(about=msgspec.structs.replace(ABOUT, uid="uid-2")))
    assert (await told(plane)).said == ()


async def test_of_another_generation_only_what_was_declared_and_built_is_told(plane):
    await plane.say(declared())
    await plane.say(layer_packed())
    await plane.say(ImageBuilt(ABOUT, "image", "sha256:i", "sha256:m", ()))
    newer = await told(plane, ABOUT.at(2))
    assert [type(said.fact).__name__ for said in newer.said] == ["Declared", "ImageBuilt"]


async def test_what_is_said_of_the_whole_object_is_told_at_each_generation(plane):
    await plane.say(Held(WHOLE, "waiter"))
    assert (await told(plane, ABOUT.at(7))).holders == ("waiter",)


async def test_the_end_of_a_uid_is_told_at_each_generation(plane):
    await plane.say(Gone(ABOUT))
    assert (await told(plane, ABOUT.at(7))).gone


async def test_a_level_is_never_older_than_the_sequence_that_is_named(rig):
    for number in range(30):
        sequence = await rig.plane.say(layer_packed(f"{number}-a~1"))
        level = await told(rig.other, sequence=sequence)
        assert len(level.all(LayerPacked)) == number + 1


async def test_of_a_sequence_that_was_purged_nothing_is_told(plane):
    sequence = await plane.say(layer_packed())
    await plane.forget(ABOUT, ALL)
    assert await plane.told(ABOUT, sequence, asked=False, readings=False) is None


async def test_of_an_object_that_nobody_spoke_of_the_level_is_empty(plane):
    level = await told(plane, asked=True, readings=True)
    assert (level.said, level.asked, level.readings) == ((), frozenset(), ())


# --- held and gone --------------------------------------------------------------------------------------------------


async def test_who_holds_is_told(plane):
    assert await plane.hold(Held(WHOLE, "waiter"))
    assert (await told(plane)).holders == ("waiter",)


async def test_holding_again_gives_the_sequence_of_the_first_time(plane):
    first = await plane.hold(Held(WHOLE, "waiter"))
    assert await plane.hold(Held(WHOLE, "waiter")) == first


async def test_what_is_gone_cannot_be_held(plane):
    await plane.say(Gone(ABOUT))
    assert await plane.hold(Held(WHOLE, "waiter")) is None
    assert (await told(plane)).holders == ()


async def test_what_is_gone_cannot_be_held_after_its_facts_are_purged_either(plane):
    await plane.say(declared())
    await plane.say(Gone(ABOUT))
    await plane.forget(ABOUT, ALL)
    assert await plane.hold(Held(WHOLE, "waiter")) is None
    assert [type(said.fact) for said in (await told(plane)).said] == [Gone]


async def test_who_held_before_the_end_learns_of_the_end_when_holding_again(plane):
    await plane.hold(Held(WHOLE, "waiter"))
    await plane.say(Gone(ABOUT))
    assert await plane.hold(Held(WHOLE, "waiter")) is None


async def test_the_end_and_a_hold_at_once_never_leave_a_hold_that_is_not_seen(rig):
    for contest in range(20):
        about = msgspec.structs.replace(ABOUT, uid=f"uid-{contest}")
        held, _ = await asyncio.gather(
            rig.plane.hold(Held(about.whole(), "waiter")),
            rig.other.say(Gone(about)),
        )
        assert ("waiter" in (await told(rig.other, about)).holders) == (held is not None)


async def test_who_released_holds_nothing(plane):
    await plane.hold(Held(WHOLE, "waiter"))
    await plane.say(Released(WHOLE, "waiter"))
    assert (await told(plane)).holders == ()


# --- jobs -----------------------------------------------------------------------------------------------------------


async def job_of(rig: Rig) -> Taken:
    taken = await rig.take(streams.JOBS.name, 1)
    assert taken is not None
    return taken


async def test_a_job_that_is_asked_is_seen_as_asked_at_its_generation_only(plane):
    await plane.ask(job())
    assert (await told(plane, asked=True)).is_asked(PackLayer, LAYER.part)
    assert (await told(plane, ABOUT.at(2), asked=True)).asked == frozenset()


async def test_a_job_that_is_asked_twice_is_done_once(rig):
    await asyncio.gather(rig.plane.ask(job()), rig.other.ask(job()))
    data, ack = await job_of(rig)
    assert b'"w.safetensors"' in data
    await ack()
    assert await rig.take(streams.JOBS.name, 0.3) is None


async def test_a_job_in_a_workers_hands_is_still_asked_and_not_asked_again(rig):
    await rig.plane.ask(job())
    _, ack = await job_of(rig)
    await rig.other.ask(job())
    assert (await told(rig.plane, asked=True)).is_asked(PackLayer, LAYER.part)
    await ack()
    assert (await told(rig.plane, asked=True)).asked == frozenset()
    assert await rig.take(streams.JOBS.name, 0.3) is None


async def test_a_job_whose_worker_is_through_may_be_asked_again(rig):
    await rig.plane.ask(job())
    _, ack = await job_of(rig)
    await ack()
    await rig.plane.ask(job())
    assert await rig.take(streams.JOBS.name, 1) is not None


async def test_a_part_is_always_seen_as_asked_or_as_done_while_workers_finish(rig):
    parts = [f"{number}-a~1" for number in range(12)]
    for part in parts:
        await rig.plane.ask(job(part))

    async def work() -> None:
        while (taken := await rig.take(streams.JOBS.name, 0.5)) is not None:
            data, ack = taken
            await rig.other.say(layer_packed(getattr(unwrap(data)[1], "part", "")))
            await asyncio.sleep(0)
            await ack()

    worker = asyncio.create_task(work())
    while not worker.done():
        level = await told(rig.plane, asked=True)
        packed = {fact.part for fact in level.all(LayerPacked)}
        assert {part for part in parts if level.is_asked(PackLayer, part)} | packed == set(parts)
        await asyncio.sleep(0)
    await worker


async def test_jobs_of_one_generation_are_taken_back_and_those_of_another_are_not(plane):
    await plane.ask(job())
    await plane.ask(job(about=ABOUT.at(2)))
    await plane.drop_jobs(ABOUT)
    assert (await told(plane, asked=True)).asked == frozenset()
    assert (await told(plane, ABOUT.at(2), asked=True)).is_asked(PackLayer, LAYER.part)


# --- forgetting -----------------------------------------------------------------------------------------------------


async def test_forgetting_a_uid_leaves_only_that_it_is_gone(plane):
    await plane.say(declared())
    await plane.say(Held(WHOLE, "waiter"))
    await plane.ask(job())
    await plane.report(working(), 0)
    await plane.say(Gone(ABOUT))
    await plane.forget(ABOUT, ALL)
    level = await told(plane, asked=True, readings=True)
    assert [type(said.fact) for said in level.said] == [Gone]
    assert (level.asked, level.readings) == (frozenset(), ())


async def test_forgetting_older_generations_keeps_the_newer_and_what_is_of_the_whole(plane):
    await plane.say(Held(WHOLE, "waiter"))
    for generation in (1, 2, 3):
        await plane.say(declared(ABOUT.at(generation)))
        await plane.ask(job(about=ABOUT.at(generation)))
        await plane.report(msgspec.structs.replace(working(), about=ABOUT.at(generation)), 0)
    await plane.forget(ABOUT, ALL, before=3)
    assert [said.fact for said in (await told(plane, asked=True)).said] == [
        Held(WHOLE, "waiter"),
        declared(ABOUT.at(3)),
    ]
    kept = [await told(plane, ABOUT.at(generation), asked=True, readings=True) for generation in (1, 2, 3)]
    assert [(len(level.asked), len(level.readings)) for level in kept] == [(0, 0), (0, 0), (1, 1)]


async def test_forgetting_older_generations_keeps_the_one_that_is_named(plane):
    for generation in (1, 2, 3, 4):
        await plane.say(declared(ABOUT.at(generation)))
        await plane.say(layer_packed(about=ABOUT.at(generation)))
    await plane.forget(ABOUT, ALL, before=4, keep=2)
    assert [said.fact for said in (await told(plane, ABOUT.at(4))).said] == [
        declared(ABOUT.at(2)),
        declared(ABOUT.at(4)),
        layer_packed(about=ABOUT.at(4)),
    ]
    kept = [len((await told(plane, ABOUT.at(generation))).all(LayerPacked)) for generation in (1, 2, 3, 4)]
    assert kept == [0, 1, 0, 1]


@pytest.mark.parametrize("before", [None, 3], ids=["of a whole uid", "of older generations"])
async def test_a_fact_that_is_told_between_reading_and_forgetting_stays(plane, before):
    await plane.say(declared())
    await plane.say(layer_packed())
    read = await told(plane)
    late = ImageBuilt(ABOUT, "image", "sha256:i", "sha256:m", ())
    await plane.say(late)
    await plane.forget(ABOUT, read.up_to, before=before)
    assert [said.fact for said in (await told(plane)).said] == [late]


async def test_a_level_says_up_to_where_the_stream_was_read(plane):
    sequence = await plane.say(declared())
    other = await plane.say(declared(msgspec.structs.replace(ABOUT, uid="uid-2")))
    assert sequence < other <= (await told(plane)).up_to


async def test_forgetting_up_to_nothing_forgets_nothing(plane):
    await plane.say(declared())
    await plane.forget(ABOUT, 0)
    assert len((await told(plane)).said) == 1


async def test_forgetting_one_uid_leaves_another_alone(plane):
    other = msgspec.structs.replace(ABOUT, uid="uid-2")
    await plane.say(declared())
    await plane.say(declared(other))
    await plane.forget(ABOUT, ALL)
    assert len((await told(plane, other)).said) == 1


async def test_what_was_forgotten_can_be_told_anew(plane):
    first = await plane.say(declared())
    await plane.forget(ABOUT, ALL)
    assert await plane.say(declared()) > first
