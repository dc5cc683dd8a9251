"""The scribe as a card, against resources and a bus in memory."""

import msgspec
import pytest

from shale.contracts.artifact import Layer
from shale.contracts.facts import (
    MILESTONES,
    Declared,
    Gone,
    Held,
    ImageBuilt,
    LayersPlanned,
    Progressed,
    Refused,
    Released,
    StorageReady,
    Wanted,
)
from shale.contracts.resources import FINALIZER
from shale.kube.resources import Missing
from shale.runtime.beat import Beat
from shale.runtime.loop import settle
from shale.runtime.plane import Ack
from shale.runtime.service import Woken
from shale.runtime.told import Told
from shale.runtime.work import Work
from shale.testkit.plane import SimPlane
from shale.testkit.samples import attempt
from shale.testkit.toys import ABOUT
from shale.watcher.announce import about
from shale.watcher.card import SCRIBE
from shale.watcher.project import project
from shale.watcher.scribe import ApplyStatus, Scribe

NS = "team-a"


@pytest.fixture
def scribe(street):
    return Scribe(street.resources)


@pytest.fixture
async def version(street):
    """Return a version that was declared, and whose weights can be read."""
    obj = await street.version(finalizers=[FINALIZER])
    await street.say(Declared(about(obj), obj.spec, ""), StorageReady(about(obj), "file:///models"))
    return obj


def built(obj):
    return ImageBuilt(about(obj), "m:v1", "sha256:11", "m:v1-modelpack", ())


async def phase(street, obj):
    return (await street.now(obj)).status.phase


async def test_from_facts_to_a_status(street, scribe, version):
    assert await street.wake(scribe, version) == Ack()
    assert await phase(street, version) == "Scanning"
    await street.say(built(version))
    await street.wake(scribe, version)
    status = (await street.now(version)).status
    assert (status.phase, status.digest, status.observed_generation) == ("Ready", "sha256:11", 1)


async def test_the_same_facts_write_once(street, scribe, version):
    await street.wake(scribe, version)
    before = await street.now(version)
    await street.wake(scribe, version)
    await street.wake(Scribe(street.resources), version)
    assert await street.now(version) == before


async def test_who_writes_meanwhile_makes_it_read_again(street, scribe, version):
    street.resources.times = 3
    assert await street.wake(scribe, version) == Ack()
    assert await phase(street, version) == "Scanning"


async def test_a_zombie_that_slept_between_reading_and_writing_overwrites_nothing(street, scribe, version):
    zombie = Scribe(street.resources)
    told = await street.plane.told(about(version), 0, asked=False, readings=True)
    slept = await zombie.observe(Woken(about(version)), told)
    assert slept.object is not None
    await street.say(built(version))
    await street.wake(scribe, version)
    woken = await zombie.perform(ApplyStatus(project(told, slept.object.status, "")), slept, Beat())
    assert woken.stale
    assert await phase(street, version) == "Ready"


async def test_a_fact_that_comes_while_the_object_is_read_is_folded(street, version):
    class Late(Scribe):
        async def observe(self, trigger, told):
            seen = await super().observe(trigger, told)
            await street.say(built(version))
            return seen

    await street.wake(Late(street.resources), version)
    assert await phase(street, version) == "Ready"


async def test_a_status_that_the_schema_refuses_is_a_bug_and_says_so(street, scribe, version):
    told = await street.plane.told(about(version), 0, asked=False, readings=True)
    seen = await scribe.observe(Woken(about(version)), told)
    many = (Layer("0-a", "a", 1),) * 101
    wrong = msgspec.structs.replace(version.status, layers=many)
    with pytest.raises(ValueError, match="the status of modelversion team-a/mv-1"):
        await scribe.perform(ApplyStatus(wrong), seen, Beat())


async def test_of_a_namesake_nothing_is_written(street, scribe, version):
    await street.resources.edit_metadata(version, finalizers=())
    await street.delete(version)
    namesake = await street.version()
    assert await street.wake(scribe, version) == Ack()
    assert await street.now(namesake) == namesake


async def test_progress_waits_for_a_tick_and_is_written_then(street, scribe, version):
    whom = about(version)
    await street.say(LayersPlanned(whom, (Layer("0-aa", "small", 1000),), "v1"))
    await street.wake(scribe, version)
    await street.plane.report(Progressed(whom, "builder-sync.0-aa~1", "Working", bytes_done=500), 0)
    await street.wake(scribe, version)
    assert (await street.now(version)).status.bytes_done == 0
    street.bus.advance(street.bus.next_tick())
    await street.wake(scribe, version)
    assert (await street.now(version)).status.progress == "0.5/1Ki (50%)"


async def test_a_new_attempt_is_shown_and_the_old_one_forgotten_at_its_end(street, scribe, version):
    await street.say(built(version))
    await street.wake(scribe, version)
    again = await street.resources.apply(attempt(NS, 1), "retry")
    await street.say(Declared(about(again), again.spec, ""))
    await street.wake(scribe, version)
    status = (await street.now(version)).status
    assert (status.phase, status.observed_generation, status.digest) == ("Provisioning", 2, "sha256:11")
    await street.say(built(again))
    await street.wake(scribe, version)
    assert (await street.now(version)).status.built_generation == 2
    assert street.said() == ["2 declared", "2 image-built"]


async def test_failed_tries_between_an_image_and_the_newest_are_forgotten(street, scribe, version):
    await street.say(built(version))
    for number in (1, 2):
        again = await street.resources.apply(attempt(NS, number), "retry")
        await street.say(Declared(about(again), again.spec, ""), Refused(about(again), "image-builder", "TagTaken", ""))
        await street.wake(scribe, version)
    status = (await street.now(version)).status
    assert (status.phase, status.built_generation, status.digest) == ("Failed", 1, "sha256:11")
    assert street.said() == ["1 declared", "1 storage-ready", "1 image-built", "3 declared", "3 refused image-builder"]


async def test_an_image_that_is_built_while_its_generation_is_outlived_is_not_forgotten(street, scribe, version):
    again = await street.resources.apply(attempt(NS, 1), "retry")
    await street.say(Declared(about(again), again.spec, ""), Refused(about(again), "image-builder", "TagTaken", ""))

    class Late(SimPlane):
        async def forget(self, about, up_to, **what):
            await self.say(built(version))
            await super().forget(about, up_to, **what)

    street.plane = Late(street.bus, "late")
    await street.wake(scribe, version)
    assert (await street.now(version)).status.digest == "sha256:11"
    assert "1 image-built" in street.said()


@pytest.mark.parametrize("together", [False, True], ids=["woken by that alone", "woken by a newer wish as well"])
@pytest.mark.parametrize(
    "late", [Wanted(ABOUT, "model~m", "model", "m"), StorageReady(ABOUT, "file:///models")], ids=["wanted", "storage"]
)
async def test_what_is_told_late_of_an_outlived_generation_is_purged(street, scribe, version, late, together):
    again = about(await street.resources.apply(attempt(NS, 1), "retry"))
    await street.say(Declared(again, version.spec, ""))
    await street.wake(scribe, again)
    first = about(version)
    assert street.said() == [f"{again.generation} declared"]
    await street.say(msgspec.structs.replace(late, about=first))
    woken = Woken(again, older=(first.generation,)) if together else Woken(first)
    assert await settle(scribe, Work(scribe.card, woken, street.plane)) == Ack()
    assert street.said() == [f"{again.generation} declared"]


async def test_what_is_told_late_of_a_generation_whose_image_counts_stays_with_it(street, scribe, version):
    await street.say(built(version))
    again = about(await street.resources.apply(attempt(NS, 1), "retry"))
    await street.say(Declared(again, version.spec, ""))
    await street.say(Wanted(about(version), "model~m", "model", "m"))
    await street.wake(scribe, version)
    assert "1 wanted model~m" in street.said()


async def test_what_is_deleted_says_so_and_for_whom_it_waits(street, scribe, version):
    whole = about(version).whole()
    await street.say(Held(whole, "image-builder"))
    going = await street.delete(version)
    await street.say(Gone(about(going)))
    await street.wake(scribe, going)
    status = (await street.now(version)).status
    assert (status.phase, status.conditions[0].message) == ("Deleting", "waits for image-builder")


async def test_what_is_told_late_of_what_is_gone_is_purged(street, scribe, version):
    going = await street.delete(version)
    await street.say(Gone(about(going)))
    await street.resources.edit_metadata(going, finalizers=())
    await street.plane.report(Progressed(about(version), "builder-sync.0-aa~1", "Working"), 0)
    assert isinstance(await street.now(version), Missing)
    await street.wake(scribe, version)
    assert street.said() == ["gone"]
    assert street.bus.now.under([">"]) == []


async def test_what_others_still_hold_of_what_is_gone_is_left_for_them(street, scribe, version):
    await street.say(Held(about(version).whole(), "image-builder"))
    await street.resources.edit_metadata(version, finalizers=())
    await street.delete(version)
    await street.say(Gone(about(version)))
    await street.wake(scribe, version)
    assert "0 held image-builder" in street.said()


async def test_it_remembers_only_what_is_in_work(street, scribe, version):
    await street.wake(scribe, version)
    assert list(scribe.written) == [version.metadata.uid]
    await street.say(built(version))
    await street.wake(scribe, version)
    assert not scribe.written


async def test_it_remembers_nothing_of_what_is_deleted(street, scribe, version):
    await street.wake(scribe, version)
    await street.say(Gone(about(await street.delete(version))))
    await street.wake(scribe, version)
    assert await phase(street, version) == "Deleting"
    assert not scribe.written


async def test_it_holds_nothing(scribe, version):
    whole = about(version).whole()
    assert await scribe.release(whole, Told(whole)) == Released(whole, "scribe")


def test_it_hears_all_that_may_be_told_late():
    assert set(SCRIBE.hears) == set(MILESTONES), "nobody else purges what is told after the end, or after a newer wish"
