"""What a spec says of its storage, and what of it may be mounted."""

import pytest

from shale.contracts.resources.modelversion import AwsEfs, LocalStorage, Nfs, Pvc, SourceStorage, Storage
from shale.sources import roots
from shale.storage_provisioner.cluster import allowed
from shale.storage_provisioner.cluster.place import Place
from shale.storage_provisioner.cluster.placing import LOCAL_OPTIONS, Rules, place_of
from shale.storage_provisioner.problem import Problem, Unusable

RULES = Rules(
    roots.parse("/models=/data/models,/scratch", here=False),
    allowed.parse("nas.example:/exports,10.0.0.1"),
    allowed.parse("fs-1,fs-2:/models,fs-2::fsap-9"),
    ("ro", "nfsvers=4.1"),
)


def local(path):
    return Storage(local_storage=LocalStorage(path, "node-1"))


def efs(handle, **attributes):
    return Storage(aws_efs=AwsEfs(handle, attributes))


PLACES = {
    "a folder below a root: the root is mounted, so that its reader sees where links lead": (
        local("/models/resnet"),
        Place("/models/resnet on node node-1", "resnet", {"local": {"path": "/data/models"}}, LOCAL_OPTIONS, "node-1"),
    ),
    "a root itself": (
        local("/scratch/"),
        Place("/scratch/ on node node-1", "", {"local": {"path": "/scratch"}}, LOCAL_OPTIONS, "node-1"),
    ),
    "an export": (
        Storage(nfs=Nfs("nas.example", "/exports/churn/r6")),
        Place(
            "NFS export nas.example:/exports/churn/r6",
            "",
            {"nfs": {"server": "nas.example", "path": "/exports/churn/r6", "readOnly": True}},
            ("ro", "nfsvers=4.1"),
        ),
    ),
    "a file system": (
        efs("fs-1"),
        Place(
            "EFS file system fs-1",
            "",
            {"csi": {"driver": "efs.csi.aws.com", "volumeHandle": "fs-1", "readOnly": True}},
            ("ro",),
        ),
    ),
    "a folder of an access point that is allowed by its name, with attributes": (
        efs("fs-2:/models/resnet:fsap-9", encryptInTransit="true"),
        Place(
            "EFS file system fs-2:/models/resnet:fsap-9",
            "",
            {
                "csi": {
                    "driver": "efs.csi.aws.com",
                    "volumeHandle": "fs-2:/models/resnet:fsap-9",
                    "readOnly": True,
                    "volumeAttributes": {"encryptInTransit": "true"},
                }
            },
            ("ro",),
        ),
    ),
    "any access point of a file system that is allowed as a whole": (
        efs("fs-1::fsap-7"),
        Place(
            "EFS file system fs-1::fsap-7",
            "",
            {"csi": {"driver": "efs.csi.aws.com", "volumeHandle": "fs-1::fsap-7", "readOnly": True}},
            ("ro",),
        ),
    ),
    "a claim": (Storage(pvc=Pvc("weights")), Place("claim weights", claim="weights")),
    "a folder of a claim": (
        Storage(pvc=Pvc("weights", "a/b/")),
        Place("claim weights, subPath a/b/", "a/b", claim="weights"),
    ),
}


@pytest.mark.parametrize(("storage", "place"), PLACES.values(), ids=PLACES.keys())
def test_it_is_mounted_as(storage, place):
    assert place_of(storage, RULES) == place


@pytest.mark.parametrize(
    ("storage", "reason", "cure"),
    [
        pytest.param(local("/etc"), "OutsideRoots", "SHALE_ROOTS", id="a folder below no root"),
        pytest.param(local("/models/../etc"), "OutsideRoots", "SHALE_ROOTS", id="a folder that climbs"),
        pytest.param(Storage(nfs=Nfs("nas.example", "/")), "NotAllowed", "SHALE_NFS_ALLOWED", id="above an export"),
        pytest.param(Storage(nfs=Nfs("nas.example", "/exports2")), "NotAllowed", "SHALE_NFS_ALLOWED", id="beside it"),
        pytest.param(Storage(nfs=Nfs("evil.example", "/exports")), "NotAllowed", "SHALE_NFS_ALLOWED", id="a stranger"),
        pytest.param(efs("fs-3"), "NotAllowed", "SHALE_EFS_ALLOWED", id="another file system"),
        pytest.param(efs("fs-2"), "NotAllowed", "SHALE_EFS_ALLOWED", id="all of one that is allowed in part"),
        pytest.param(efs("fs-2:/models:fsap-1"), "NotAllowed", "SHALE_EFS_ALLOWED", id="an access point with its path"),
        pytest.param(efs("fs-2:/models:fsap-9:x"), "NotAllowed", "SHALE_EFS_ALLOWED", id="what is no access point"),
        pytest.param(efs("fs-3::fsap-9"), "NotAllowed", "SHALE_EFS_ALLOWED", id="an access point elsewhere"),
        pytest.param(efs("fs-2::fsap-1"), "NotAllowed", "SHALE_EFS_ALLOWED", id="an access point to anywhere in it"),
        pytest.param(Storage(source=SourceStorage("hub")), "StorageNotServed", "storage.source", id="a source"),
    ],
)
def test_what_may_not_be_mounted_waits_for_a_setting(storage, reason, cure):
    problem = place_of(storage, RULES)
    assert isinstance(problem, Problem)
    assert problem.reason == reason
    assert cure in problem.message


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        pytest.param(Storage(nfs=Nfs("nas.example", "exports")), "BadPath", id="a relative export"),
        pytest.param(Storage(nfs=Nfs("nas.example", "/exports/../etc")), "BadPath", id="an export that climbs"),
        pytest.param(efs("fs-1:/a/../../b"), "BadPath", id="a file system's folder that climbs"),
        pytest.param(efs("fs-1", mounttargetip="10.6.6.6"), "BadAttribute", id="a way past the list"),
        pytest.param(efs("fs-1", encryptInTransit="false"), "BadAttribute", id="no encryption"),
        pytest.param(Storage(pvc=Pvc("weights", "../other")), "BadPath", id="a folder out of the claim"),
        pytest.param(Storage(pvc=Pvc("weights", "/a")), "BadPath", id="a folder from the top"),
    ],
)
def test_what_no_setting_can_mend_is_refused(storage, reason):
    refused = place_of(storage, RULES)
    assert isinstance(refused, Unusable)
    assert refused.reason == reason
    assert "make a version" in refused.message


def test_by_default_nothing_but_claims_may_be_mounted():
    for storage in (local("/models"), Storage(nfs=Nfs("nas.example", "/exports")), efs("fs-1")):
        problem = place_of(storage, Rules())
        assert isinstance(problem, Problem)
        assert "none)" in problem.message
    assert isinstance(place_of(Storage(pvc=Pvc("weights")), Rules()), Place)


@pytest.mark.parametrize(
    "text", [":/x", "nas:/a/../b", "a:b", "nas:x:/y", "/exports", "::fsap-1", "fs-1::fsap-", "a/b::fsap-1"]
)
def test_a_list_that_allows_nothing_is_refused(text):
    with pytest.raises(ValueError, match="allows nothing: write SERVER:/PATH"):
        allowed.parse(text)


def test_roots_of_nodes_are_taken_as_they_are_written(tmp_path):
    (tmp_path / "link").symlink_to("/etc")
    assert str(roots.parse(f"{tmp_path}/link", here=False).roots[0].folder) == f"{tmp_path}/link"


def test_an_access_point_that_is_allowed_allows_nothing_beside_it():
    one = allowed.parse("fs-2::fsap-9")
    assert str(one) == "fs-2::fsap-9"
    assert (one.allows_point("fs-2", "fsap-9"), one.allows("fs-2", "/"), one.allows("fs-2", "/a")) == (
        True,
        False,
        False,
    )
