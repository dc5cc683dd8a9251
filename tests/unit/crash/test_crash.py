"""Crash-anywhere, over toy services: the law that every card must keep, and the simulator that it is tried with."""

import asyncio
import functools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shale.contracts.facts import Gone, ImageBuilt, LayerRefused, Refused
from shale.runtime.plane import Plane
from shale.testkit.crash import (
    MOST_PER_PART,
    CrashError,
    Cuts,
    assert_crash_proof,
    assert_each_cut_proof,
    gaps,
    run_to_end,
)
from shale.testkit.life import point
from shale.testkit.plane import decoded
from shale.testkit.toys import ABOUT, Forgetter, Joiner, Packer, declared
from shale.testkit.world import Disorder, NeverQuietError, Scene, Town

STEPS = 330
"""More than a run has with a few cuts in it: some 200 without. So a cut falls at any step, up to the last."""
cuts = st.lists(st.integers(0, STEPS), max_size=6).map(gaps)
seeds = st.integers(0, 1 << 30)


async def declare(plane: Plane) -> None:
    await plane.say(declared())


async def declare_again(plane: Plane) -> None:
    await plane.say(declared(ABOUT.at(2)))


async def delete(plane: Plane) -> None:
    await plane.say(Gone(ABOUT))


def scene(*acts, packers=1, joiners=1, joiner=Joiner) -> Scene:
    images, blobs = {}, {}
    return Scene(
        makers=(
            *[lambda _: joiner(images)] * joiners,
            *[lambda _: Packer(blobs)] * packers,
            lambda _: Forgetter(),
        ),
        acts=acts,
        world=lambda: (dict(images), dict(blobs)),
    )


def test_the_calm_run_builds_the_image():
    end = run_to_end(scene(declare), Disorder())
    assert [subject.split(".")[7] for subject in end.facts] == [
        "held",
        "declared",
        "image-built",
        "layer-packed",
        "layer-packed",
        "layer-packed",
        "layers-planned",
    ]
    assert end.jobs == end.dead == ()


@settings(max_examples=30, deadline=None)
@given(cuts, seeds)
def test_an_image_is_built_wherever_the_power_is_cut(cuts, seed):
    assert_crash_proof(lambda: scene(declare, packers=2, joiners=2), cuts, seed)


@settings(max_examples=30, deadline=None)
@given(cuts, seeds)
def test_an_image_is_built_while_a_paused_worker_goes_on_unaware(cuts, seed):
    assert_crash_proof(lambda: scene(declare, packers=2, joiners=2), cuts, seed, zombies=1)


@settings(max_examples=30, deadline=None)
@given(cuts, seeds)
def test_a_deletion_at_any_step_leaves_nothing_behind(cuts, seed):
    town, world = in_town(scene(declare, delete, packers=2, joiners=2), disorder(cuts, seed))
    assert world() == {}
    assert town.bus.jobs.under([">"]) == []
    assert [one.subject for one in town.bus.facts.under(["shale.gone.>"])] == ["shale.gone.uid-1"]


@settings(max_examples=30, deadline=None)
@given(cuts, seeds)
def test_a_deletion_after_all_is_done_forgets_every_fact_but_the_end_itself(cuts, seed):
    assert_crash_proof(lambda: scene(declare, delete), cuts, seed)


@settings(max_examples=30, deadline=None)
@given(cuts, seeds)
def test_a_newer_wish_at_any_step_ends_as_the_newer_wish(cuts, seed):
    town, _ = in_town(scene(declare, declare_again, packers=2, joiners=2), disorder(cuts, seed))
    built = [one.subject for one in town.bus.facts.under(["shale.fact.*.*.*.*.2.image-built"])]
    assert built == ["shale.fact.modelversion.team-a.mv-1.uid-1.2.image-built"]


class Twice(Joiner):
    """A card that breaks the law: it does not recognise what it did before."""

    async def perform(self, effect, seen, beat):
        self.images[f"copy-{len(self.images)}"] = effect
        await point("copy")
        return await super().perform(effect, seen, beat)


def test_a_card_that_does_its_work_twice_is_found_out():
    make = functools.partial(scene, declare, joiner=Twice)
    outcomes = [crash_at(make, step) for step in range(150, 210, 2)]
    assert True in outcomes, "no cut found the second copy"
    assert False in outcomes, "a cut before the first copy is no offence"


def crash_at(make, step) -> bool:
    try:
        assert_crash_proof(make, [step])
    except CrashError:
        return True
    return False


def test_each_third_step_of_a_run_can_be_cut_up_to_its_last():
    made = assert_each_cut_proof(lambda: scene(declare, delete), 3)
    assert {one.split(" of ")[0] for one in made} >= {"joiner", "packer.0-abcdef~1", "forgetter"}


def test_cuts_spare_a_trigger_that_suffered_enough():
    power = Cuts([0, 0, 0, 0])
    assert [power.fails(["a"]) for _ in range(4)] == [True, True, False, False]
    assert power.made == ["a", "a"]


def test_a_worker_that_dies_of_a_layer_three_times_gives_it_up_and_the_version_is_refused():
    town, _ = in_town(scene(declare), Disorder(power=Deadly("packer.1-abcdef~1")))
    told = {one.subject.split(".")[7]: decoded(one.data)[1] for one in town.bus.facts.under([">"])}
    assert isinstance(told["layer-refused"], LayerRefused)
    assert told["layer-refused"].reason == "WorkerLost"
    assert isinstance(told["refused"], Refused)
    assert ImageBuilt not in map(type, told.values())
    assert [why for _, why in town.bus.dead] == ["WorkerLost: the worker died of it"]


class Deadly:
    """Power that fails whenever one piece of work is under way and its block is moved."""

    def __init__(self, part) -> None:
        self.part = part
        self.steps = 0

    def fails(self, doing) -> bool:
        if not any(self.part in one for one in doing):
            return False
        self.steps += 1
        return self.steps % 12 == 0


def test_a_town_that_never_rests_is_told_so():
    with pytest.raises(NeverQuietError, match="still busy after 50 steps"):
        asyncio.run(Town(scene(declare)).run(most=50))


def disorder(cuts, seed) -> Disorder:
    """Acts that come at any time, cuts, and a process that sleeps over its messages in every other run."""
    zombies = seed % 2
    power = Cuts(cuts, MOST_PER_PART - zombies)
    return Disorder(random.Random(seed).randrange, power, eager=seed % 50 + 1, zombies=zombies)


def in_town(one: Scene, disorder: Disorder):
    town = Town(one, disorder)
    asyncio.run(town.run())
    return town, lambda: one.world()[0]
