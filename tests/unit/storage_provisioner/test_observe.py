import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.facts import Declared, Refused, StorageReady
from shale.contracts.resources import ModelSpec, ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.modelversion import AwsEfs, LocalStorage, Nfs, Pvc, SourceStorage, Storage
from shale.runtime.told import Said, Told
from shale.sources import roots
from shale.storage_provisioner.observe import observe, place_of
from shale.storage_provisioner.problem import Problem

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)


def local(path):
    return Storage(local_storage=LocalStorage(path, "node-1"))


@pytest.fixture
def folder(tmp_path):
    """Return what may be read: one folder with a model, and a file."""
    (tmp_path / "my model").mkdir()
    (tmp_path / "file").write_bytes(b"weights")
    return roots.parse(f"/models={tmp_path}")


def wish(storage, known=None):
    spec = ModelVersionSpec("resnet", "registry.example/m", storage)
    return Told(ABOUT, (Said(Declared(ABOUT, spec, "", known)),), now=7.0)


def test_a_folder_is_read_where_packers_find_it(folder):
    assert place_of(local("/models/my model"), folder) == "file:///models/my%20model"


@pytest.mark.parametrize(
    "path",
    ["/models/nowhere", "/elsewhere", "/models/../etc", "/models/file"],
    ids=["a folder that is not there", "outside of all roots", "a path that climbs", "a file"],
)
def test_what_cannot_be_read_is_a_problem_that_names_it(folder, path):
    problem = place_of(local(path), folder)
    assert isinstance(problem, Problem)
    assert problem.reason
    assert path.rsplit("/", 1)[-1] in problem.message


@pytest.mark.parametrize(
    ("storage", "field"),
    [
        (Storage(nfs=Nfs("server", "/export")), "storage.nfs"),
        (Storage(aws_efs=AwsEfs("fs-1")), "storage.awsEfs"),
        (Storage(pvc=Pvc("claim")), "storage.pvc"),
        (Storage(source=SourceStorage("hub")), "storage.source"),
    ],
    ids=["nfs", "efs", "a claim", "a source"],
)
def test_what_needs_a_cluster_is_named_as_its_user_wrote_it(folder, storage, field):
    problem = place_of(storage, folder)
    assert isinstance(problem, Problem)
    message = f"{field} needs a cluster with readers (SHALE_READER_IMAGE): this installation reads localStorage"
    assert problem == Problem("StorageNotServed", message, passes=False)


async def test_the_storage_and_its_place_are_seen(folder):
    seen = await observe(wish(local("/models/my model")), folder)
    assert (seen.about, seen.now, seen.settled, seen.place) == (ABOUT, 7.0, False, "file:///models/my%20model")


async def test_nothing_is_looked_at_when_the_end_is_known(folder):
    seen = await observe(wish(local("/models/nowhere"), ModelVersionStatus(phase="Ready")), folder)
    assert (seen.settled, seen.place) == (True, "")


@pytest.mark.parametrize("fact", [StorageReady(ABOUT, "file:///models"), Refused(ABOUT, "image-builder", "R", "m")])
async def test_nothing_is_looked_at_when_all_is_said(folder, fact):
    told = wish(local("/models/nowhere"))
    seen = await observe(msgspec.structs.replace(told, said=(*told.said, Said(fact))), folder)
    assert (seen.settled, seen.place) == (True, "")


async def test_a_wish_of_another_kind_is_a_bug_and_says_so(folder):
    told = msgspec.structs.replace(wish(local("/models")), said=(Said(Declared(ABOUT, ModelSpec(), "")),))
    with pytest.raises(TypeError, match="declared without a ModelVersion's spec"):
        await observe(told, folder)
