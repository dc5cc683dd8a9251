"""The card that forgets, against resources and a bus in memory."""

import pytest

from shale.contracts.facts import Declared, Gone, Held, Released
from shale.contracts.resources import FINALIZER
from shale.kube.resources import Missing
from shale.runtime.plane import Ack
from shale.runtime.told import Told
from shale.testkit.veiled import VeiledResources
from shale.watcher.announce import about
from shale.watcher.undertaker import Undertaker

NS = "team-a"


@pytest.fixture
def undertaker(street):
    return Undertaker(street.resources)


@pytest.fixture
async def version(street):
    """Return a version that was declared."""
    obj = await street.version(finalizers=[FINALIZER])
    await street.say(Declared(about(obj), obj.spec, ""))
    return obj


async def deleted(street, obj):
    """Delete an object, tell it, and return how it stands."""
    going = await street.delete(obj)
    await street.say(Gone(about(going)))
    return going


async def test_what_is_wanted_is_left_alone(street, undertaker, version):
    assert await street.wake(undertaker, version) == Ack()
    assert await street.now(version) == version


async def test_what_nobody_holds_goes_and_only_its_end_is_remembered(street, undertaker, version):
    assert await street.wake(undertaker, await deleted(street, version)) == Ack()
    assert isinstance(await street.now(version), Missing)
    assert street.said() == ["gone"]


async def test_what_somebody_holds_stays_until_it_is_released(street, undertaker, version):
    whole = about(version).whole()
    await street.say(Held(whole, "image-builder"))
    going = await deleted(street, version)
    await street.wake(undertaker, going)
    assert FINALIZER in (await street.now(version)).metadata.finalizers
    await street.say(Released(whole, "image-builder"))
    await street.wake(undertaker, going)
    assert isinstance(await street.now(version), Missing)
    assert street.said() == ["gone"]


async def test_what_others_hold_in_the_cluster_is_theirs(street, undertaker):
    obj = await street.version(finalizers=["other/one", FINALIZER])
    going = await deleted(street, obj)
    await street.wake(undertaker, going)
    assert (await street.now(obj)).metadata.finalizers == ("other/one",)


async def test_who_changed_the_object_meanwhile_makes_it_look_again(street, undertaker, version):
    going = await deleted(street, version)
    street.resources.times = 3
    assert await street.wake(undertaker, going) == Ack()
    assert isinstance(await street.now(version), Missing)


async def test_a_namesake_is_not_touched(street, undertaker, version):
    going = await deleted(street, version)
    await street.wake(undertaker, going)
    namesake = await street.version(finalizers=[FINALIZER])
    await street.wake(undertaker, going)
    assert await street.now(namesake) == namesake


async def test_what_cannot_be_read_is_let_go_by_its_metadata(street, version):
    going = await deleted(street, version)
    undertaker = Undertaker(VeiledResources(street.bucket, "mv-1"))
    assert await street.wake(undertaker, going) == Ack()
    assert await street.now(version) == Missing(f"modelversion {NS}/mv-1 is not there")
    assert street.said() == ["gone"]


async def test_what_cannot_be_read_is_not_let_go_while_somebody_holds_something_of_it(street, version):
    await street.say(Held(about(version).whole(), "image-builder"))
    going = await deleted(street, version)
    assert await street.wake(Undertaker(VeiledResources(street.bucket, "mv-1")), going) == Ack()
    assert await street.now(version) == going
    assert "gone" in street.said()
    assert len(street.said()) == 3


async def test_a_wish_that_was_told_late_is_purged(street, undertaker, version):
    await street.wake(undertaker, await deleted(street, version))
    await street.say(Declared(about(version), version.spec, ""))
    assert street.said() == ["gone", "1 declared"]
    await street.wake(undertaker, about(version))
    assert street.said() == ["gone"]


async def test_it_holds_nothing(undertaker, version):
    whole = about(version).whole()
    assert await undertaker.release(whole, Told(whole)) == Released(whole, "forget")
