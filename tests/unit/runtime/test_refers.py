"""Objects that wait for objects: a toy service whose versions wait for their model."""

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.facts import Declared, Gone, ImageBuilt, Progressed, StorageReady
from shale.contracts.resources import ModelSpec
from shale.runtime.bus.provision import consumers
from shale.runtime.decision import Done, Wait
from shale.runtime.plane import Ack, Nak
from shale.runtime.service import Card, Woken
from shale.testkit.crash import Cuts, assert_crash_proof
from shale.testkit.plane import decoded
from shale.testkit.played import Played, World, raising
from shale.testkit.toys import ABOUT, SPEC, declared
from shale.testkit.world import Disorder, Scene, Town

WAITER = Card(
    name="waiter",
    does="waits for its model",
    kinds=("modelversion",),
    hears=(Declared,),
    refers=(("model", ImageBuilt), ("model", Gone)),
    says=(StorageReady, Progressed),
    ends=(StorageReady,),
)
MODEL = About("model", ABOUT.namespace, SPEC.model_name, "uid-m", 1)
WISH = Declared(MODEL, ModelSpec(), "2026-01-01T00:00:00Z")
BUILT = ImageBuilt(MODEL, "image", "sha256:i", "sha256:m", ())
SECOND = msgspec.structs.replace(ABOUT, name="mv-2", uid="uid-2")


def decide(seen):
    """Say the digest of the model's image once it has one."""
    for model in seen.refers:
        if built := model.one(ImageBuilt):
            return Done((StorageReady(seen.about, built.digest),))
    return Wait("ModelNotReady", "waits for its model", until=seen.now + 86_400)


def waiter() -> Played:
    return Played(decide, WAITER)


@pytest.fixture
async def world() -> World:
    world = World()
    world.plane.service = WAITER.name
    for about in (ABOUT, SECOND):
        await world.plane.say(declared(about))
    await world.plane.say(WISH)
    return world


def ticks(world: World) -> list[str]:
    return [one.subject for one in world.bus.ticks.under([f"shale.tick.{WAITER.name}.*.*"])]


def test_a_card_hears_the_facts_of_what_its_own_refer_to_each_once():
    [facts, _] = consumers(WAITER)
    assert sorted(facts.filters) == [
        "shale.fact.model.*.*.*.*.image-built",
        "shale.fact.modelversion.*.*.*.*.declared",
        "shale.gone.*",
    ]
    both = msgspec.structs.replace(WAITER, hears=(Declared, Gone))
    assert consumers(both)[0].filters.count("shale.gone.*") == 1
    assert WAITER.minds == {"modelversion", "model"}


async def test_a_fact_of_what_is_referred_to_wakes_who_refers_to_it_and_nobody_else(world):
    service = waiter()
    sequence = await world.plane.say(BUILT)
    assert await world.settle(service, Woken(MODEL, sequence)) == Ack()
    assert service.done == [], "nothing is decided of an object that is not the card's"
    assert sorted(ticks(world)) == ["shale.tick.waiter.uid-1.1", "shale.tick.waiter.uid-2.1"]


async def test_what_is_referred_to_is_handed_over_as_it_was_told(world):
    assert await world.settle(waiter()) == Ack()
    assert (await world.reading("waiter")).reason == "ModelNotReady"
    await world.plane.say(BUILT)
    assert await world.settle(waiter(), Woken(ABOUT, heard=4)) == Ack()
    assert (await world.told()).one(StorageReady) == StorageReady(ABOUT, "sha256:i")


async def test_of_what_is_gone_or_was_never_declared_nothing_is_handed_over(world):
    await world.plane.say(BUILT)
    await world.plane.say(Gone(MODEL))
    await world.settle(waiter())
    assert (await world.told()).one(StorageReady) is None


async def test_a_card_that_refers_to_nothing_is_handed_nothing_and_asks_for_nothing(world):
    seen = []
    card = msgspec.structs.replace(WAITER, refers=())
    await world.settle(Played(lambda told: seen.append(told) or Done(), card))
    assert [told.refers for told in seen] == [()]


async def test_what_fails_while_it_wakes_others_says_nothing_of_an_object_that_is_not_its_own(world):
    world.plane.referrers = raising(ValueError("odd")).perform
    assert isinstance(await world.settle(waiter(), Woken(MODEL, 1)), Nak)
    assert world.bus.now.last == 0


# --- in a town


def scene() -> Scene:
    async def declares(plane) -> None:
        for fact in (declared(), declared(SECOND), WISH):
            await plane.say(fact)

    async def builds(plane) -> None:
        await plane.say(BUILT)

    return Scene(makers=(lambda _: waiter(),) * 2, acts=(declares, builds))


async def test_in_a_town_all_who_wait_are_through_when_the_model_is():
    town = Town(scene(), Disorder())
    await town.run()
    ready = [decoded(one.data)[0].time for one in town.bus.facts.under(["shale.fact.*.*.*.*.*.storage-ready"])]
    assert ready == ["2027-01-15T08:00:00.000Z"] * 2, "nobody waited for the tick of the next day"


@pytest.mark.parametrize("step", range(0, 60, 3))
def test_nobody_is_forgotten_wherever_the_power_is_cut(step):
    assert isinstance(assert_crash_proof(scene, [step], seed=step), Cuts)
