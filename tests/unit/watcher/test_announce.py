"""What is told of an object as it stands, as sentences."""

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.facts import Declared, Gone
from shale.contracts.resources import FINALIZER, Model, ModelStatus, ModelVersion, ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.meta import Metadata, OwnerReference
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.testkit import samples
from shale.watcher.adopt import ADOPTED, Adoption
from shale.watcher.announce import AddFinalizer, about, announce, known

SPEC = ModelVersionSpec("resnet", "registry.example/m", Storage(local_storage=LocalStorage("/models", "node-1")))
META = Metadata(name="mv-1", namespace="team-a", uid="uid-1", generation=2, creation_timestamp="2026-01-01T00:00:00Z")
HELD = msgspec.structs.replace(META, finalizers=("other/one", FINALIZER))
GOING = msgspec.structs.replace(META, generation=3, deletion_timestamp="2026-01-02T00:00:00Z")
ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 2)
DONE = ModelVersionStatus(observed_generation=2, phase="Ready", digest="sha256:11")


def version(metadata, status=ModelVersionStatus()):  # noqa: B008 (a value that never changes)
    return ModelVersion(metadata, SPEC, status)


TABLE = {
    "holds an object before anyone is told of it": (version(META), AddFinalizer((FINALIZER,))),
    "keeps the holds of others": (
        version(msgspec.structs.replace(META, finalizers=("other/one",))),
        AddFinalizer(("other/one", FINALIZER)),
    ),
    "declares what it holds": (version(HELD), Declared(ABOUT, SPEC, META.creation_timestamp)),
    "declares a model, too": (
        Model(HELD),
        Declared(msgspec.structs.replace(ABOUT, kind="model"), Model(HELD).spec, META.creation_timestamp),
    ),
    "declares what is known of this very generation": (
        version(HELD, DONE),
        Declared(ABOUT, SPEC, META.creation_timestamp, DONE),
    ),
    "says that what is being deleted is gone": (version(GOING), Gone(ABOUT.at(3))),
    "says gone of what it holds, and never declares it": (
        version(msgspec.structs.replace(GOING, finalizers=(FINALIZER,)), DONE),
        Gone(ABOUT.at(3)),
    ),
    "says gone of what it never held, and does not hold it now": (
        version(msgspec.structs.replace(GOING, finalizers=("other/one",))),
        Gone(ABOUT.at(3)),
    ),
}

MODEL = Model(Metadata(name="resnet", namespace="team-a", uid="uid-m"))
OTHER, MINE = OwnerReference("batch/v1", "Job", "train", "uid-j"), samples.owned(MODEL)
GIVEN = Adoption((MINE,), {ADOPTED: "uid-m"})

GIVING = {
    "gives a version to its model as it holds it": (META, MODEL, AddFinalizer((FINALIZER,), GIVEN)),
    "leaves other owners": (
        msgspec.structs.replace(META, owner_references=(OTHER,)),
        MODEL,
        AddFinalizer((FINALIZER,), Adoption((OTHER, MINE), {ADOPTED: "uid-m"})),
    ),
    "gives none that was given once": (
        msgspec.structs.replace(META, annotations={ADOPTED: "uid-old"}),
        MODEL,
        AddFinalizer((FINALIZER,)),
    ),
    "gives none to a model that is being deleted: it would be collected": (
        META,
        Model(msgspec.structs.replace(MODEL.metadata, deletion_timestamp="2026-01-02T00:00:00Z")),
        AddFinalizer((FINALIZER,)),
    ),
    "gives none that is held: the maker does": (HELD, MODEL, Declared(ABOUT, SPEC, META.creation_timestamp)),
    "gives none that is being deleted": (GOING, MODEL, Gone(ABOUT.at(3))),
}


@pytest.mark.parametrize(("metadata", "model", "step"), GIVING.values(), ids=GIVING.keys())
def test_giving(metadata, model, step):
    assert announce(version(metadata), model) == step


def test_a_model_is_given_to_nobody():
    assert announce(Model(META), MODEL) == AddFinalizer((FINALIZER,))


@pytest.mark.parametrize(("obj", "step"), TABLE.values(), ids=TABLE.keys())
def test_announce(obj, step):
    assert announce(obj) == step


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        (DONE, True),
        (msgspec.structs.replace(DONE, phase="Failed"), True),
        (msgspec.structs.replace(DONE, observed_generation=1), False),
        (msgspec.structs.replace(DONE, phase="Packing"), False),
        (msgspec.structs.replace(DONE, phase="Deleting"), False),
        (ModelVersionStatus(), False),
    ],
    ids=["Ready", "Failed", "Ready at an older generation", "in work", "deleting", "nothing yet"],
)
def test_only_an_end_of_this_generation_is_known(status, kept):
    assert known(version(HELD, status)) == (status if kept else None)


def test_of_a_model_nothing_is_known():
    assert known(Model(HELD, status=ModelStatus(observed_generation=2, phase="Ready"))) is None


def test_about_is_the_object_at_its_generation():
    assert about(version(META)) == ABOUT
