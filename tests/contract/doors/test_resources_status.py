"""The laws of the door to resources: status and metadata are written on what was read, or not at all."""

import asyncio

from shale.contracts.resources import ModelVersionStatus
from shale.contracts.resources.meta import Condition
from shale.kube.resources import Conflict, Invalid, Missing
from shale.testkit.asking import applied, there
from shale.testkit.samples import HOLD, VERSION, model, owned, version


async def test_a_status_is_written_apart_from_the_spec(resources, ns):
    made = await applied(resources, version(ns))
    written = await there(resources.apply_status(made, ModelVersionStatus(phase="Packing", bytes_total=7)))
    assert written.status == ModelVersionStatus(phase="Packing", bytes_total=7)
    assert written.spec == made.spec
    assert written.metadata.generation == 1
    assert written.metadata.resource_version != made.metadata.resource_version


async def test_a_spec_is_written_apart_from_the_status(resources, ns):
    made = await applied(resources, version(ns))
    await there(resources.apply_status(made, ModelVersionStatus(phase="Packing")))
    changed = await applied(resources, version(ns, spec={"attempt": 1}))
    assert changed.status.phase == "Packing"


async def test_a_status_is_replaced_whole(resources, ns):
    made = await applied(resources, version(ns))
    ready = Condition("Ready", "False", "Packing", "", "2026-01-01T00:00:00Z", 1)
    first = await there(resources.apply_status(made, ModelVersionStatus(phase="Packing", conditions=(ready,))))
    second = await there(resources.apply_status(first, ModelVersionStatus(progress="1/2")))
    assert second.status == ModelVersionStatus(progress="1/2")


async def test_the_same_status_again_keeps_the_resource_version(resources, ns):
    made = await applied(resources, version(ns))
    first = await there(resources.apply_status(made, ModelVersionStatus(phase="Packing")))
    again = await there(resources.apply_status(first, ModelVersionStatus(phase="Packing")))
    assert again.metadata.resource_version == first.metadata.resource_version


async def test_a_status_on_an_old_read_is_a_conflict(resources, ns):
    made = await applied(resources, version(ns))
    await there(resources.apply_status(made, ModelVersionStatus(phase="Packing")))
    assert isinstance(await resources.apply_status(made, ModelVersionStatus(phase="Pending")), Conflict)


async def test_of_writers_of_one_status_who_race_one_wins_and_the_others_learn_it(resources, ns):
    made = await applied(resources, version(ns))
    said = await asyncio.gather(
        *(resources.apply_status(made, ModelVersionStatus(bytes_done=number + 1)) for number in range(6))
    )
    assert sorted(type(answer).__name__ for answer in said) == ["Conflict"] * 5 + ["ModelVersion"]


async def test_a_status_for_what_is_gone_is_missing(resources, ns):
    made = await applied(resources, version(ns))
    await resources.delete(VERSION, ns, "mv-1")
    said = await resources.apply_status(made, ModelVersionStatus(phase="Ready"))
    assert isinstance(said, Missing | Conflict)
    assert isinstance(await resources.get(VERSION, ns, "mv-1"), Missing)


async def test_a_status_for_the_old_uid_never_lands_on_the_namesake(resources, ns):
    old = await applied(resources, version(ns))
    await resources.delete(VERSION, ns, "mv-1")
    new = await applied(resources, version(ns))
    assert new.metadata.uid != old.metadata.uid
    assert isinstance(await resources.apply_status(old, ModelVersionStatus(phase="Ready")), Missing | Conflict)
    assert await resources.get(VERSION, ns, "mv-1") == new


async def test_a_status_that_breaks_the_schema_is_refused(resources, ns):
    made = await applied(resources, version(ns))
    many = tuple(Condition(f"T{number}", "True", "Because") for number in range(21))
    said = await resources.apply_status(made, ModelVersionStatus(conditions=many))
    assert isinstance(said, Invalid)
    assert "conditions" in said.message


async def test_finalizers_are_added_to_what_was_read(resources, ns):
    made = await applied(resources, version(ns))
    held = await there(resources.edit_metadata(made, finalizers=(HOLD,)))
    assert held.metadata.finalizers == (HOLD,)
    assert held.metadata.generation == 1


async def test_annotations_are_merged_and_taken_out(resources, ns):
    made = await applied(resources, version(ns, annotations={"keep": "1", "drop": "2"}))
    edited = await there(resources.edit_metadata(made, annotations={"drop": None, "new": "3"}))
    assert edited.metadata.annotations == {"keep": "1", "new": "3"}


async def test_owners_are_replaced(resources, ns):
    owner = await applied(resources, model(ns))
    made = await applied(resources, version(ns))
    edited = await there(resources.edit_metadata(made, owner_references=(owned(owner),)))
    assert edited.metadata.owner_references == (owned(owner),)
    freed = await there(resources.edit_metadata(edited, owner_references=()))
    assert freed.metadata.owner_references == ()


async def test_two_controllers_are_refused(resources, ns):
    one, two = await applied(resources, model(ns, "one")), await applied(resources, model(ns, "two"))
    made = await applied(resources, version(ns))
    both = (owned(one, controller=True), owned(two, controller=True))
    assert isinstance(await resources.edit_metadata(made, owner_references=both), Invalid)


async def test_metadata_of_an_old_read_is_a_conflict(resources, ns):
    made = await applied(resources, version(ns))
    await there(resources.edit_metadata(made, annotations={"a": "1"}))
    assert isinstance(await resources.edit_metadata(made, finalizers=(HOLD,)), Conflict)


async def test_metadata_of_a_namesake_is_left_alone(resources, ns):
    old = await applied(resources, version(ns))
    await resources.delete(VERSION, ns, "mv-1")
    new = await applied(resources, version(ns))
    assert isinstance(await resources.edit_metadata(old, finalizers=(HOLD,)), Missing | Conflict)
    assert await resources.get(VERSION, ns, "mv-1") == new
