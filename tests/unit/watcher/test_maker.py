"""The Model of a first version: what the maker does next, as sentences, and against resources in memory."""

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.facts import Declared, Gone, Released, Wanted
from shale.contracts.resources import KINDS, Model, ModelVersion, ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.meta import Metadata, OwnerReference
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.kube.resources import Missing
from shale.runtime.decision import Do, Done, Look, Wait
from shale.runtime.plane import Ack
from shale.runtime.service import Woken
from shale.runtime.told import Told
from shale.watcher.adopt import ADOPTED
from shale.watcher.announce import about
from shale.watcher.maker import SOON, Adopt, MakeModel, Maker, Seen, decide

NOW = 1_800_000_000.0
ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
SPEC = ModelVersionSpec("resnet", "registry.example/m", Storage(local_storage=LocalStorage("/models", "node-1")))
META = Metadata(name="mv-1", namespace="team-a", uid="uid-1")
VERSION = ModelVersion(META, SPEC)
GIVEN = ModelVersion(msgspec.structs.replace(META, annotations={ADOPTED: "uid-m"}), SPEC)
GOING = ModelVersion(msgspec.structs.replace(META, deletion_timestamp="2026-01-01T00:00:00Z"), SPEC)
MODEL = Model(Metadata(name="resnet", namespace="team-a", uid="uid-m"))
OLD = Model(msgspec.structs.replace(MODEL.metadata, deletion_timestamp="2026-01-01T00:00:00Z"))

TABLE = {
    "makes the model of a first version": (Seen(VERSION, None, NOW), Do(MakeModel())),
    "gives the version to a model that is there": (Seen(VERSION, MODEL, NOW), Do(Adopt())),
    "does nothing for a version that was given": (Seen(GIVEN, MODEL, NOW), Done()),
    "does not make again the model that its user deleted": (Seen(GIVEN, None, NOW), Done()),
    "makes no model for a version that is being deleted": (Seen(GOING, None, NOW), Done()),
    "gives no version that is being deleted": (Seen(GOING, MODEL, NOW), Done()),
    "does nothing for a version that is not there": (Seen(None, None, NOW), Done()),
    "waits until a model of that name that is being deleted is gone": (
        Seen(VERSION, OLD, NOW),
        Wait("ModelDeleting", "waits until the old model resnet is gone", until=NOW + 60, again_in=SOON),
    ),
    "waits for somebody when no model can be made or read, and asks nobody to do it again and again": (
        Seen(VERSION, None, NOW, trouble="why"),
        Wait("ModelRefused", "why", until=NOW + 86_400),
    ),
    "does nothing for a version for which nobody asked yet": (Seen(VERSION, None, NOW, wanted=False), Done()),
    "looks again after each step": (Seen(VERSION, MODEL, NOW, stale=True), Do(Look())),
}


@pytest.mark.parametrize(("seen", "decision"), TABLE.values(), ids=TABLE.keys())
def test_maker(seen, decision):
    assert decide(Woken(ABOUT), seen) == decision


# --- against resources -----------------------------------------------------------------------------------------------


@pytest.fixture
def maker(street):
    return Maker(street.resources)


@pytest.fixture
async def version(street):
    """Return a version that asks for its model."""
    return await wanting(street, "mv-1")


async def wanting(street, name):
    obj = await street.version(name)
    whom = about(obj)
    await street.say(Declared(whom, obj.spec, ""), Wanted(whom, "model~resnet", "model", "resnet"))
    return obj


def owner_of(model):
    return (OwnerReference("shale.dev/v1alpha1", "Model", model.metadata.name, model.metadata.uid),)


RESNET = Model(Metadata(name="resnet", namespace="team-a"))


async def test_a_first_version_has_its_model_made_and_is_given_to_it(street, maker, version):
    assert await street.wake(maker, version) == Ack()
    model, given = await street.now(RESNET), await street.now(version)
    assert given.metadata.owner_references == owner_of(model)
    assert given.metadata.annotations == {ADOPTED: model.metadata.uid}
    assert given.metadata.generation == version.metadata.generation


async def test_a_second_version_is_given_to_the_same_model(street, maker, version):
    await street.wake(maker, version)
    model = await street.now(RESNET)
    second = await wanting(street, "mv-2")
    await street.wake(maker, second)
    assert await street.now(RESNET) == model
    assert (await street.now(second)).metadata.owner_references == owner_of(model)


async def test_a_model_of_the_users_own_is_taken_as_it_is(street, maker, version):
    theirs = await street.model()
    await street.wake(maker, version)
    assert (await street.now(RESNET)) == theirs
    assert (await street.now(version)).metadata.owner_references == owner_of(theirs)


async def test_who_changes_the_version_meanwhile_makes_it_try_again(street, maker, version):
    street.resources.times = 3
    assert await street.wake(maker, version) == Ack()
    assert ADOPTED in (await street.now(version)).metadata.annotations


async def test_other_owners_stay(street, maker, version):
    other = OwnerReference("batch/v1", "Job", "train", "uid-job")
    await street.resources.edit_metadata(version, owner_references=(other,))
    await street.wake(maker, version)
    model = await street.now(RESNET)
    assert (await street.now(version)).metadata.owner_references == (other, *owner_of(model))


async def test_a_deleted_model_takes_its_versions_along_and_comes_back_with_a_new_one(street, maker, version):
    await street.wake(maker, version)
    first = await street.now(RESNET)
    await street.delete(first)
    assert isinstance(await street.now(RESNET), Missing)
    assert isinstance(await street.now(version), Missing)
    await street.wake(maker, version)
    assert isinstance(await street.now(RESNET), Missing)
    await street.wake(maker, await wanting(street, "mv-2"))
    assert (await street.now(RESNET)).metadata.uid != first.metadata.uid


async def test_while_the_old_model_is_being_deleted_it_looks_again_soon(street, maker, version):
    old = await street.model(finalizers=["other/one"])
    going = await street.delete(old)
    assert await street.wake(maker, version) == Ack()
    assert street.bus.next_tick() == pytest.approx(street.bus.clock + SOON, abs=1)
    await street.resources.edit_metadata(going, finalizers=())
    await street.wake(maker, version)
    assert (await street.now(RESNET)).metadata.uid != old.metadata.uid


async def test_a_namesake_is_not_given_by_an_old_wish(street, maker, version):
    await street.delete(version)
    namesake = await street.version()
    await street.wake(maker, version)
    assert await street.now(namesake) == namesake
    assert isinstance(await street.now(RESNET), Missing)


async def test_what_is_gone_makes_nothing(street, maker, version):
    await street.say(Gone(about(version)))
    assert await street.wake(maker, version) == Ack()
    assert isinstance(await street.now(RESNET), Missing)


async def test_it_holds_nothing(maker):
    assert await maker.release(ABOUT, Told(ABOUT)) == Released(ABOUT.whole(), "maker")


async def test_before_anybody_asks_nothing_is_made(street, maker):
    version = await street.version()
    await street.say(Declared(about(version), version.spec, ""))
    assert await street.wake(maker, version) == Ack()
    assert (await street.resources.list(KINDS["model"])).items == ()


async def test_a_version_that_was_ready_when_the_bus_forgot_that_it_asked_is_given_all_the_same(street, maker):
    version = await street.version()
    ready = ModelVersionStatus(observed_generation=1, phase="Ready")
    await street.say(Declared(about(version), version.spec, "", known=ready))
    assert await street.wake(maker, version) == Ack()
    assert (await street.now(version)).metadata.owner_references == owner_of(await street.now(RESNET))


async def test_a_version_whose_model_can_have_no_such_name_makes_none_and_is_no_bug(street, maker, version):
    entry = await street.bucket.get("modelversion.team-a.mv-1")
    odd = entry.value.replace(b'"modelName":"resnet"', b'"modelName":"Res Net/../x"')
    await street.bucket.update(entry.key, odd, entry.revision)
    assert await street.wake(maker, version) == Ack()
    assert (await street.resources.list(KINDS["model"])).items == ()


async def test_a_model_that_cannot_be_read_is_not_made_again(street, maker, version):
    await street.bucket.create("model.team-a.resnet", b"damaged")
    assert await street.wake(maker, version) == Ack()
    assert (await street.bucket.get("model.team-a.resnet")).value == b"damaged"


@pytest.mark.parametrize("kind", ["modelversion", "modelsource", "secret", "Model"])
async def test_who_wants_another_kind_makes_nothing_of_it(street, maker, version, kind):
    await street.say(Wanted(about(version), f"{kind}~else", kind, "else"))
    assert await street.wake(maker, version) == Ack()
    assert [obj.metadata.name for obj in (await street.resources.list(KINDS["model"])).items] == ["resnet"]
    assert [obj.metadata.name for obj in (await street.resources.list(KINDS["modelversion"])).items] == ["mv-1"]
