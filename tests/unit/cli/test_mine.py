"""What of an applied manifest is its user's."""

from shale.cli.mine import users

SERVERS = {"uid": "u1", "resourceVersion": "7", "generation": 2, "creationTimestamp": "2026-11-20T12:00:00Z"}
MODEL = {"apiVersion": "shale.dev/v1alpha1", "kind": "Model", "name": "resnet", "uid": "u2"}
MINE = {"name": "mv-3", "namespace": "team-a", "labels": {"shale.dev/use": "true"}}


def version(**metadata):
    return {"kind": "ModelVersion", "metadata": {**MINE, **metadata}, "spec": {"imageTag": "v1"}}


def test_what_was_read_is_applied_without_what_others_wrote():
    notes = {"annotations": {"shale.dev/model": "u2"}, "finalizers": ["shale.dev/forget"], "ownerReferences": [MODEL]}
    read = {**version(**SERVERS, **notes), "status": {"phase": "Ready"}}
    assert users(read) == version()


def test_what_a_user_wrote_stays():
    other = {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u3"}
    wrote = version(annotations={"team": "a", "x": ""}, finalizers=["example.com/hold"], ownerReferences=[other])
    assert users(wrote) == wrote
    mixed = version(annotations={"team": "a", "shale.dev/model": "u2"}, ownerReferences=[MODEL, other])
    assert users(mixed) == version(annotations={"team": "a"}, ownerReferences=[other])


def test_what_is_no_manifest_is_left_for_its_complaint():
    for broken in ({}, {"metadata": None}, {"metadata": "x"}, version(annotations=["a"], finalizers="x")):
        assert users(broken) == broken
