"""The laws of the door to resources: finalizers hold, names are free again, dependents follow their owners."""

from typing import Any
from uuid import uuid4

import msgspec

from shale.contracts.resources import Model, ModelVersionStatus
from shale.kube.resources import Conflict, Invalid, Missing, Removed, Resources
from shale.testkit.asking import applied, collector_saw, gone, there, until
from shale.testkit.samples import HOLD, MODEL, VERSION, attempt, model, owned, version


async def test_what_nothing_holds_is_removed_at_once(resources, ns):
    made = await applied(resources, version(ns))
    assert await resources.delete(VERSION, ns, "mv-1") == Removed(made.metadata.uid)
    assert isinstance(await resources.get(VERSION, ns, "mv-1"), Missing)
    assert isinstance(await resources.delete(VERSION, ns, "mv-1"), Missing)


async def test_a_finalizer_holds_the_object_and_deleting_raises_the_generation(resources, ns):
    await applied(resources, version(ns, finalizers=[HOLD]))
    deleting = await there(resources.delete(VERSION, ns, "mv-1"))
    assert deleting.metadata.deletion_timestamp
    assert deleting.metadata.generation == 2
    assert await resources.get(VERSION, ns, "mv-1") == deleting


async def test_deleting_twice_changes_nothing(resources, ns):
    await applied(resources, version(ns, finalizers=[HOLD]))
    first = await there(resources.delete(VERSION, ns, "mv-1"))
    assert await resources.delete(VERSION, ns, "mv-1") == first


async def test_taking_the_last_finalizer_removes_a_deleting_object(resources, ns):
    await applied(resources, version(ns, finalizers=[HOLD, "shale.dev/other"]))
    deleting = await there(resources.delete(VERSION, ns, "mv-1"))
    one = await there(resources.edit_metadata(deleting, finalizers=("shale.dev/other",)))
    assert await resources.get(VERSION, ns, "mv-1") == one
    last = await there(resources.edit_metadata(one, finalizers=()))
    assert last.metadata.uid == deleting.metadata.uid
    assert isinstance(await resources.get(VERSION, ns, "mv-1"), Missing)


async def test_taking_the_last_finalizer_of_a_living_object_removes_nothing(resources, ns):
    made = await applied(resources, version(ns, finalizers=[HOLD]))
    freed = await there(resources.edit_metadata(made, finalizers=()))
    assert await resources.get(VERSION, ns, "mv-1") == freed


async def test_no_finalizer_joins_a_deleting_object(resources, ns):
    await applied(resources, version(ns, finalizers=[HOLD]))
    deleting = await there(resources.delete(VERSION, ns, "mv-1"))
    assert isinstance(await resources.edit_metadata(deleting, finalizers=(HOLD, "shale.dev/late")), Invalid)
    assert isinstance(await resources.apply(version(ns, finalizers=["shale.dev/late"]), "user"), Invalid)


async def test_a_deleting_object_still_takes_status_and_spec(resources, ns):
    await applied(resources, version(ns, finalizers=[HOLD]))
    deleting = await there(resources.delete(VERSION, ns, "mv-1"))
    said = await there(resources.apply_status(deleting, ModelVersionStatus(phase="Deleting")))
    assert said.status.phase == "Deleting"
    changed = await applied(resources, attempt(ns, 1), "retry")
    assert changed.metadata.generation == 3
    assert changed.metadata.deletion_timestamp == deleting.metadata.deletion_timestamp


async def test_deleting_by_the_uid_of_another_is_a_conflict(resources, ns):
    made = await applied(resources, version(ns))
    assert isinstance(await resources.delete(VERSION, ns, "mv-1", uid=str(uuid4())), Conflict)
    assert await resources.get(VERSION, ns, "mv-1") == made


async def test_a_name_is_free_again_and_its_next_bearer_is_another_object(resources, ns):
    old = await applied(resources, version(ns, spec={"attempt": 3}))
    await resources.delete(VERSION, ns, "mv-1", uid=old.metadata.uid)
    new = await applied(resources, version(ns, spec={"imageRepo": "registry.example/other"}))
    assert new.metadata.uid != old.metadata.uid
    assert new.metadata.generation == 1
    assert new.spec.attempt == 0


async def family(resources: Resources, ns: str, *, block: bool = False, **owner: Any) -> tuple[Any, list[Any]]:
    parent = await applied(resources, model(ns, **owner))
    refs = [msgspec.to_builtins(owned(parent, block=block))]
    return parent, [await applied(resources, version(ns, f"mv-{n}", ownerReferences=refs)) for n in range(3)]


async def test_dependents_follow_their_owner(resources, ns):
    parent, children = await family(resources, ns)
    await resources.delete(MODEL, ns, "resnet")
    for obj in (parent, *children):
        await gone(resources, obj)


async def test_a_held_owner_keeps_its_dependents_until_it_goes(resources, ns):
    parent, children = await family(resources, ns, finalizers=[HOLD])
    deleting = await there(resources.delete(MODEL, ns, "resnet"))
    assert await resources.get(VERSION, ns, "mv-0") == children[0]
    await there(resources.edit_metadata(deleting, finalizers=()))
    for obj in (parent, *children):
        await gone(resources, obj)


async def test_a_held_dependent_is_deleted_and_stays_until_it_is_let_go(resources, ns):
    parent, children = await family(resources, ns)
    await there(resources.edit_metadata(children[0], finalizers=(HOLD,)))
    await resources.delete(MODEL, ns, "resnet")
    await gone(resources, parent)
    await gone(resources, children[1])

    async def probe() -> Any:
        return await there(resources.get(VERSION, ns, "mv-0"))

    held = await until(probe, lambda obj: bool(obj.metadata.deletion_timestamp))
    await there(resources.edit_metadata(held, finalizers=()))
    await gone(resources, held)


async def test_in_the_foreground_the_owner_waits_for_its_dependents(resources, ns):
    parent, children = await family(resources, ns, block=True)
    await there(resources.edit_metadata(children[0], finalizers=(HOLD,)))
    await collector_saw(resources, ns)
    waiting = await there(resources.delete(MODEL, ns, "resnet", cascade="foreground"))
    assert "foregroundDeletion" in waiting.metadata.finalizers

    async def probe() -> Any:
        return await there(resources.get(VERSION, ns, "mv-0"))

    held = await until(probe, lambda obj: bool(obj.metadata.deletion_timestamp))
    assert isinstance(await resources.get(MODEL, ns, "resnet"), Model)
    await there(resources.edit_metadata(held, finalizers=()))
    await gone(resources, parent)


async def test_orphans_stay_and_lose_their_reference(resources, ns):
    parent, children = await family(resources, ns)
    await collector_saw(resources, ns)
    await resources.delete(MODEL, ns, "resnet", cascade="orphan")
    await gone(resources, parent)
    for child in children:
        left = await there(resources.get(VERSION, ns, child.metadata.name))
        assert left.metadata.uid == child.metadata.uid
        assert left.metadata.owner_references == ()
        assert not left.metadata.deletion_timestamp


async def test_who_has_another_owner_stays(resources, ns):
    parent, children = await family(resources, ns)
    second = await applied(resources, model(ns, "second"))
    await there(resources.edit_metadata(children[0], owner_references=(owned(parent), owned(second))))
    await resources.delete(MODEL, ns, "resnet")
    await gone(resources, children[1])
    left = await there(resources.get(VERSION, ns, "mv-0"))
    assert not left.metadata.deletion_timestamp


async def test_who_comes_after_its_owner_is_gone_is_collected(resources, ns):
    parent = await applied(resources, model(ns))
    await resources.delete(MODEL, ns, "resnet")
    late = await applied(resources, version(ns, ownerReferences=[msgspec.to_builtins(owned(parent))]))
    await gone(resources, late)


async def test_the_owners_namesake_is_not_the_owner(resources, ns):
    parent, children = await family(resources, ns)
    await resources.delete(MODEL, ns, "resnet", cascade="background")
    namesake = await applied(resources, model(ns))
    for child in children:
        await gone(resources, child)
    assert await resources.get(MODEL, ns, "resnet") == namesake
    assert namesake.metadata.uid != parent.metadata.uid


async def test_the_owner_of_another_namespace_is_not_harmed(resources, ns):
    _, children = await family(resources, ns)
    await applied(resources, model(f"{ns}-b"))
    await resources.delete(MODEL, f"{ns}-b", "resnet")
    assert await resources.get(VERSION, ns, "mv-0") == children[0]
