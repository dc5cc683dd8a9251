"""Announce's loop, against resources and a bus in memory."""

import asyncio

import pytest

from shale.contracts.about import About
from shale.contracts.envelope import unwrap
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared
from shale.contracts.resources import FINALIZER, KINDS, Model, ModelVersionStatus
from shale.contracts.resources.meta import Metadata
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Expired, Listing, Missing
from shale.testkit.asking import until
from shale.testkit.plane import SimPlane
from shale.testkit.samples import attempt
from shale.watcher import announcer as module
from shale.watcher.announce import about
from shale.watcher.announcer import HANDS, Announcer

NS = "team-a"
READY = ModelVersionStatus(observed_generation=1, phase="Ready", image="m:v1", digest="sha256:11")


async def told(street, *words):
    """Wait until exactly this is said, and give the announcer some turns to say more."""

    async def said():
        return street.said()

    await until(said, lambda now: sorted(now) == sorted(words))
    for _ in range(100):
        await asyncio.sleep(0)
    assert sorted(street.said()) == sorted(words)


async def held(street, obj):
    return await until(lambda: street.now(obj), lambda now: FINALIZER in now.metadata.finalizers)


async def finished(street, obj, status=READY):
    """Let a version have its end, as the scribe writes it."""
    return await street.resources.apply_status(await held(street, obj), status)


# --- what is told ----------------------------------------------------------------------------------------------------


async def test_an_object_is_held_first_and_declared_then(street):
    async with street.announcing():
        version = await street.version()
        await told(street, "1 declared")
        assert FINALIZER in (await street.now(version)).metadata.finalizers


async def test_what_was_there_before_is_told_too(street):
    await street.version()
    await street.version("mv-2")
    async with street.announcing():
        await told(street, "1 declared", "1 declared")


async def test_only_a_new_wish_is_told_again_and_no_status(street):
    async with street.announcing():
        version = await street.version()
        await told(street, "1 declared")
        await finished(street, version)
        await told(street, "1 declared")
        await street.resources.apply(attempt(NS, 1), "retry")
        await told(street, "1 declared", "2 declared")


async def test_what_is_deleted_is_gone_and_not_declared_at_its_raised_generation(street):
    async with street.announcing():
        version = await street.version()
        await told(street, "1 declared")
        assert (await street.delete(version)).metadata.generation == 2
        await told(street, "1 declared", "gone")


async def test_what_was_deleted_before_it_was_held_is_gone(street):
    version = await street.version(finalizers=["other/one"])
    await street.delete(version)
    async with street.announcing():
        await told(street, "gone")
        assert (await street.now(version)).metadata.finalizers == ("other/one",)


async def test_a_model_that_others_keep_says_that_it_is_being_deleted_and_for_whom_it_waits(street):
    model = await street.resources.create(Model(Metadata(name="kept", namespace=NS, finalizers=("other/one",))))
    await street.resources.delete(KINDS["model"], NS, "kept")
    async with street.announcing():
        kept = await until(lambda: street.now(model), lambda now: now.status.phase == "Deleting")
    assert [(one.type, one.message) for one in kept.status.conditions if one.status == "True"] == [
        ("Reconciling", "waits for other/one")
    ]


async def test_whoever_took_the_finalizer_what_is_not_there_is_gone(street):
    async with street.announcing():
        version = await street.version()
        await told(street, "1 declared")
        await street.resources.edit_metadata(await street.delete(version), finalizers=())
        await told(street, "1 declared", "gone")


async def test_who_was_declared_and_vanished_while_nobody_watched_is_gone(street):
    version = await street.version()
    await street.say(Declared(about(version), version.spec, ""))
    await street.delete(version)
    assert isinstance(await street.now(version), Missing)
    async with street.announcing():
        await told(street, "1 declared", "gone")


async def test_a_namesake_is_declared_and_its_predecessor_gone(street):
    first = await street.version()
    await street.say(Declared(about(first), first.spec, ""))
    await street.delete(first)
    second = await street.version()
    async with street.announcing():
        await told(street, "1 declared", "gone", "1 declared")
        assert about(second).uid != about(first).uid


# --- what goes wrong -------------------------------------------------------------------------------------------------


class Asleep(EmbeddedResources):
    """Resources whose first list is older than what was declared since: its reader slept in between."""

    old = True

    async def list(self, kind, namespace=None):
        listing = await super().list(kind, namespace)
        return Listing((), listing.resource_version) if self.old else listing


async def test_what_was_made_while_a_zombie_slept_is_not_gone(street):
    version = await street.version(finalizers=[FINALIZER])
    await street.say(Declared(about(version), version.spec, ""))
    street.resources.__class__ = Asleep
    async with street.announcing():
        await told(street, "1 declared")


async def test_what_cannot_be_read_is_not_gone_and_hides_nobody(street):
    version = await street.version(finalizers=[FINALIZER])
    await street.say(Declared(about(version), version.spec, ""))
    entry = await street.bucket.get(f"modelversion.{NS}.mv-1")
    await street.bucket.update(entry.key, b"damaged", entry.revision)
    async with street.announcing() as announcer:
        await told(street, "1 declared")
        await street.version("mv-2")
        await told(street, "1 declared", "1 declared")
        announcer.tell_again()
        await told(street, "1 declared", "1 declared")


async def test_what_becomes_unreadable_under_the_watcher_ends_nothing(street):
    async with street.announcing():
        await street.version()
        await told(street, "1 declared")
        entry = await street.bucket.get(f"modelversion.{NS}.mv-1")
        await street.bucket.update(entry.key, b"damaged", entry.revision)
        await street.version("mv-2")
        await told(street, "1 declared", "1 declared")


class Picky(SimPlane):
    """A bus that cannot carry what is said of one object."""

    async def say(self, fact):
        if fact.about.name == "odd":
            raise ValueError("'u u' cannot be a subject token")
        return await super().say(fact)


async def test_an_object_of_which_nothing_can_be_said_ends_nothing(street):
    async with street.announcing(plane=Picky(street.bus, "picky")):
        await street.version("odd")
        await street.version()
        await told(street, "1 declared")


async def test_what_a_stranger_declared_is_gone_after_the_next_look_at_everything(street):
    async with street.announcing() as announcer:
        await street.version()
        await told(street, "1 declared")
        stranger = About("modelversion", "nowhere", "nobody", "uid-9", 7)
        await street.say(Declared(stranger, (await street.version()).spec, ""))
        await told(street, "1 declared", "7 declared")
        announcer.tell_again()
        await told(street, "1 declared", "7 declared", "gone")


async def test_who_is_not_there_is_asked_for_until_there_is_an_answer(street, monkeypatch):
    version = await street.version()
    await street.say(Declared(about(version), version.spec, ""))
    await street.delete(version)
    monkeypatch.setattr(module, "LONGEST", 0.01)
    street.census = Silent(street.census)
    async with street.announcing():
        await told(street, "1 declared", "gone")


class Silent:
    """A census of a bus that does not answer the first times."""

    def __init__(self, census):
        self.census, self.failures = census, 24

    async def declared(self, kind):
        if self.failures:
            self.failures -= 1
            raise Transient("no answer")
        return await self.census.declared(kind)


class Flaky(SimPlane):
    """A bus that does not answer the first times."""

    failures = 2

    async def say(self, fact):
        if self.failures:
            self.failures -= 1
            raise Transient("no answer")
        return await super().say(fact)


async def test_what_the_bus_does_not_take_is_told_again(street):
    async with street.announcing(plane=Flaky(street.bus, "flaky")):
        await street.version()
        await told(street, "1 declared")


async def test_back_off_doubles_and_has_an_end(street, monkeypatch, caplog):
    monkeypatch.setattr(module, "LONGEST", 0.3)
    bus = Flaky(street.bus, "flaky")
    bus.failures = 4
    async with street.announcing(plane=bus):
        await street.version()
        await told(street, "1 declared")
    waits = [record.again_in for record in caplog.records if record.message == "not told yet"]
    assert waits == [0.1, 0.2, 0.3, 0.3]


async def test_who_changes_the_object_meanwhile_makes_it_hold_again(street):
    street.resources.times = 2
    async with street.announcing():
        version = await street.version()
        await held(street, version)
        await told(street, "1 declared")


class Restless(EmbeddedResources):
    """Resources whose watch ends at once, so that everything is listed over and over."""

    lists = 0

    async def list(self, kind, namespace=None):
        self.lists += 1
        return await super().list(kind, namespace)

    async def watch(self, kind, resource_version):
        del kind, resource_version
        yield Expired("too old")


async def test_ends_that_are_found_again_while_they_are_told_do_no_harm(street):
    for number in range(HANDS):
        version = await street.version(f"mv-{number}")
        await street.say(Declared(about(version), version.spec, ""))
        await street.delete(version)
    street.resources.__class__ = Restless
    telling, gate = [], asyncio.Event()

    async def slow(step):
        if step == "say Gone":
            telling.append(step)
            await gate.wait()

    async def lists():
        return len(telling), street.resources.lists

    async with street.announcing(plane=SimPlane(street.bus, "slow", slow)):
        _, before = await until(lists, lambda now: now[0] == HANDS)
        await until(lists, lambda now: now[1] > before + 4)
        gate.set()
        await told(street, *["1 declared", "gone"] * HANDS)


async def test_who_leads_again_knows_nothing_of_what_went_meanwhile(street):
    model, version = await street.model(), await street.version()
    announcer = Announcer(street.resources, street.plane, street.census)
    async with street.running(announcer):
        await until(lambda: street.now(model), lambda now: now.status.versions_total == 1)
        version = await held(street, version)
    await street.resources.edit_metadata(version, finalizers=())
    await street.delete(version)
    async with street.running(announcer):
        await until(lambda: street.now(model), lambda now: now.status.versions_total == 0)
        announcer.tell_again()
        await told(street, "1 declared", "1 declared", "gone")
        assert [key for key in announcer.objects if key[0] == "modelversion"] == []


async def test_after_the_bus_was_wiped_everything_is_told_with_what_is_known(street):
    async with street.announcing() as announcer:
        version = await street.version()
        await told(street, "1 declared")
        await finished(street, version)
        await until(_cached(announcer, "mv-1"), lambda obj: obj.status.phase == "Ready")
        street.bus.facts.drop(street.bus.facts.under([">"]))
        announcer.tell_again()
        await told(street, "1 declared")
        fact = unwrap(street.bus.facts.under([">"])[0].data)[1]
        assert isinstance(fact, Declared)
        assert fact.known == READY


def _cached(announcer, name):
    async def cached():
        return announcer.objects["modelversion", NS, name]

    return cached


# --- the catalogue ---------------------------------------------------------------------------------------------------


async def test_a_model_shows_its_versions_and_the_latest(street):
    async with street.announcing():
        model, version = await street.model(), await street.version()
        now = await until(lambda: street.now(model), lambda now: now.status.versions_total == 1)
        assert now.status.latest_version is None
        await finished(street, version)
        now = await until(lambda: street.now(model), lambda now: now.status.latest_version is not None)
        assert now.status.latest_version.digest == "sha256:11"
        assert [row.phase for row in now.status.versions] == ["Ready"]


async def test_a_version_that_is_gone_is_shown_no_longer(street):
    async with street.announcing():
        model, version = await street.model(), await street.version()
        await until(lambda: street.now(model), lambda now: now.status.versions_total == 1)
        await held(street, version)
        await street.resources.edit_metadata(await street.delete(version), finalizers=())
        now = await until(lambda: street.now(model), lambda now: now.status.versions_total == 0)
        assert now.status.phase == "Ready"


async def test_a_catalogue_that_does_not_change_is_written_once(street):
    async with street.announcing() as announcer:
        model = await street.model()
        await until(lambda: street.now(model), lambda now: bool(now.status.phase))
        await told(street, "1 declared")
        before = await street.now(model)
        announcer.tell_again()
        await told(street, "1 declared")
        assert await street.now(model) == before


async def test_who_writes_to_the_model_meanwhile_makes_it_fold_again(street):
    async with street.announcing():
        model = await held(street, await street.model())
        await until(lambda: street.now(model), lambda now: bool(now.status.phase))
        street.resources.times = 2
        await street.version()
        await until(lambda: street.now(model), lambda now: now.status.versions_total == 1)


async def test_a_version_without_a_model_is_no_trouble(street):
    async with street.announcing():
        await street.version()
        await told(street, "1 declared")


@pytest.mark.parametrize("count", [1, 3])
async def test_versions_of_other_models_are_not_shown(street, count):
    async with street.announcing():
        model = await street.model("other")
        for number in range(count):
            await street.version(f"mv-{number}")
        await told(street, *["1 declared"] * (count + 1))
        now = await until(lambda: street.now(model), lambda now: bool(now.status.phase))
        assert now.status.versions == ()
