"""The laws of the door to resources, kept by every store behind it: how objects are born, changed and refused."""

import asyncio
import re
from uuid import uuid4

import msgspec
import pytest

from shale.contracts.resources import Model, ModelStatus, ModelVersion
from shale.kube.resources import Conflict, Invalid, Missing
from shale.testkit.asking import applied, there
from shale.testkit.samples import HOLD, MODEL, VERSION, attempt, built, model, owned, version


async def test_what_nobody_made_is_missing(resources, ns):
    assert isinstance(await resources.get(MODEL, ns, "nobody"), Missing)


@pytest.mark.parametrize("name", ["", "a.b", "*", ">", "UPPER", "a b", "x" * 64, "-a"])
async def test_what_is_no_name_is_missing(resources, ns, name):
    assert isinstance(await resources.get(MODEL, ns, name), Missing)


async def test_an_object_is_born_with_uid_time_and_generation_one(resources, ns):
    made = await applied(resources, version(ns))
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made.metadata.uid)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made.metadata.creation_timestamp)
    assert made.metadata.generation == 1
    assert made.metadata.resource_version
    assert made.metadata.deletion_timestamp == ""


async def test_what_is_applied_is_read_back_typed(resources, ns):
    made = await applied(resources, version(ns, labels={"team": "eyes"}, annotations={"why": "a try"}))
    read = await resources.get(VERSION, ns, "mv-1")
    assert read == made
    assert isinstance(read, ModelVersion)
    assert read.spec.storage.local_storage is not None
    assert read.spec.storage.local_storage.path == "/models/resnet"
    assert read.metadata.labels == {"team": "eyes"}
    assert read.metadata.annotations == {"why": "a try"}


async def test_a_dry_run_answers_like_the_write_and_writes_nothing(resources, ns):
    said = await there(resources.apply(version(ns), "user", dry_run=True))
    assert said.spec.model_name == "resnet"
    assert isinstance(await resources.get(VERSION, ns, "mv-1"), Missing)


async def test_a_created_object_may_have_an_owner_and_a_finalizer(resources, ns):
    owner = await applied(resources, model(ns))
    refs = (owned(owner),)
    made = await there(resources.create(built(ns, "child", owner_references=refs, finalizers=(HOLD,))))
    assert made.metadata.owner_references == refs
    assert made.metadata.finalizers == (HOLD,)


async def test_creating_what_is_there_is_a_conflict(resources, ns):
    first = await there(resources.create(built(ns)))
    assert isinstance(await resources.create(built(ns)), Conflict)
    assert await resources.get(MODEL, ns, "resnet") == first


async def test_of_many_who_create_one_name_one_does(resources, ns):
    said = await asyncio.gather(*(resources.create(built(ns)) for _ in range(6)))
    assert sorted(type(answer).__name__ for answer in said) == ["Conflict"] * 5 + ["Model"]


async def test_a_status_that_comes_with_a_new_object_is_left_out(resources, ns):
    obj = msgspec.structs.replace(built(ns), status=ModelStatus(phase="Ready"))
    made = await there(resources.create(obj))
    assert made.status == ModelStatus()
    again = await applied(resources, {**model(ns, "second"), "status": {"phase": "Ready"}})
    assert again.status == ModelStatus()


async def test_applying_the_same_again_writes_nothing(resources, ns):
    made = await applied(resources, version(ns))
    again = await applied(resources, version(ns))
    assert again == made


async def test_a_changed_spec_is_a_new_generation(resources, ns):
    await applied(resources, version(ns))
    changed = await applied(resources, version(ns, spec={"attempt": 1}))
    assert changed.metadata.generation == 2
    assert changed.spec.attempt == 1


async def test_changed_labels_and_annotations_are_no_new_generation(resources, ns):
    made = await applied(resources, version(ns))
    changed = await applied(resources, version(ns, labels={"team": "eyes"}, annotations={"why": "a try"}))
    assert changed.metadata.generation == 1
    assert changed.metadata.resource_version != made.metadata.resource_version


async def test_what_a_manager_leaves_out_goes(resources, ns):
    await applied(
        resources, {**model(ns, labels={"team": "eyes"}), "spec": {"description": "x", "display": {"logoUrl": "y"}}}
    )
    changed = await applied(resources, {**model(ns), "spec": {"description": "x"}})
    assert changed.spec.display is None
    assert changed.metadata.labels == {}
    assert changed.metadata.generation == 2


async def test_what_another_manager_applied_stays(resources, ns):
    await applied(resources, version(ns), "user")
    await applied(resources, attempt(ns, 1), "retry")
    again = await applied(resources, version(ns, spec={"deletionPolicy": "Delete"}), "user")
    assert again.spec.attempt == 1
    assert again.spec.deletion_policy == "Delete"
    assert again.spec.model_name == "resnet"


async def test_a_field_taken_over_is_not_taken_out_by_who_had_it(resources, ns):
    await applied(resources, version(ns, spec={"attempt": 1}), "user")
    await applied(resources, attempt(ns, 2), "retry")
    again = await applied(resources, version(ns), "user")
    assert again.spec.attempt == 2


async def test_a_spec_is_kept_as_it_was_given_without_defaults(resources, ns):
    await applied(resources, version(ns))
    explicit = version(ns, spec={"layout": "files"})
    said = await resources.apply(explicit, "user")
    assert isinstance(said, Invalid)
    assert "layout is immutable" in said.message


async def test_appliers_who_race_all_land(resources, ns):
    await applied(resources, model(ns))
    said = await asyncio.gather(
        *(resources.apply({**model(ns, annotations={f"by-{n}": "x"}), "spec": {}}, f"manager-{n}") for n in range(6))
    )
    assert {type(answer) for answer in said} == {Model}
    read = await there(resources.get(MODEL, ns, "resnet"))
    assert set(read.metadata.annotations) == {f"by-{n}" for n in range(6)}


async def test_a_manifest_with_an_old_resource_version_is_a_conflict(resources, ns):
    made = await applied(resources, model(ns))
    await applied(resources, {**model(ns), "spec": {"description": "newer"}})
    stale = model(ns, resourceVersion=made.metadata.resource_version)
    assert isinstance(await resources.apply(stale, "user"), Conflict)


async def test_a_manifest_with_another_uid_is_a_conflict(resources, ns):
    await applied(resources, model(ns))
    assert isinstance(await resources.apply(model(ns, uid=str(uuid4())), "user"), Conflict)


async def test_a_manifest_with_a_uid_makes_no_new_object(resources, ns):
    said = await resources.apply(model(ns, uid=str(uuid4())), "user")
    assert isinstance(said, Conflict)
    assert isinstance(await resources.get(MODEL, ns, "resnet"), Missing)


async def test_an_object_that_was_read_can_be_applied_as_it_was_printed(resources, ns):
    made = await applied(resources, model(ns))
    metadata = made.metadata
    again = await applied(
        resources, model(ns, uid=metadata.uid, creationTimestamp=metadata.creation_timestamp, generation=1)
    )
    assert again == made


REFUSED = [
    ("an unknown field is named", {"imagTag": "v1"}, "imagTag"),
    ("a bad value is named with what is allowed", {"layout": "zip"}, "layout"),
    ("a value of another type is named", {"attempt": "one"}, "attempt"),
    ("a text that is too long is named", {"imageTag": "x" * 119}, "imageTag"),
    ("a number below its least is named", {"attempt": -1}, "attempt"),
    ("no storage at all is refused", {"storage": {}}, "exactly one of"),
    ("a repository with a tag is refused", {"imageRepo": "registry.example/models/resnet:v1"}, "imageRepo"),
    ("a relative path is refused", {"storage": {"localStorage": {"path": "x", "nodeName": "n"}}}, "absolute"),
]


@pytest.mark.parametrize(("spec", "named"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_a_spec_is_refused(resources, ns, spec, named):
    said = await resources.apply(version(ns, spec=spec), "user")
    assert isinstance(said, Invalid)
    assert named in said.message
    assert "\n" not in said.message
    assert isinstance(await resources.get(VERSION, ns, "mv-1"), Missing)


async def test_a_missing_field_is_named(resources, ns):
    manifest = version(ns)
    del manifest["spec"]["modelName"]
    said = await resources.apply(manifest, "user")
    assert isinstance(said, Invalid)
    assert "modelName" in said.message


async def test_a_kind_that_is_not_ours_is_refused_with_those_that_are(resources, ns):
    said = await resources.apply({**model(ns), "kind": "ModelVerson"}, "user")
    assert isinstance(said, Invalid)
    assert "ModelVersion" in said.message


async def test_a_name_that_is_no_dns_label_is_refused(resources, ns):
    said = await resources.apply(model(ns, "res.net"), "user")
    assert isinstance(said, Invalid)
    assert "metadata.name" in said.message


async def test_a_label_that_is_none_is_refused(resources, ns):
    said = await resources.apply(model(ns, labels={"team": "not a value"}), "user")
    assert isinstance(said, Invalid)


async def test_what_is_immutable_stays_and_the_message_says_so(resources, ns):
    made = await applied(resources, version(ns))
    said = await resources.apply(version(ns, spec={"imageRepo": "registry.example/other"}), "user")
    assert isinstance(said, Invalid)
    assert "imageRepo is immutable" in said.message
    assert await resources.get(VERSION, ns, "mv-1") == made


async def test_a_dry_run_is_refused_like_the_write(resources, ns):
    said = await resources.apply(version(ns, spec={"imageRepo": ":"}), "user", dry_run=True)
    assert isinstance(said, Invalid)


async def test_an_invalid_object_is_not_created(resources, ns):
    assert isinstance(await resources.create(built(ns, "Upper")), Invalid)
