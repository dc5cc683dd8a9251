"""What storage-provisioner relies on of a cluster's core kinds; the simulated cluster keeps the same promises."""

from typing import Any
from uuid import uuid4

import pytest

from shale.kube.client import Client
from shale.kube.connection import connected
from shale.kube.gvk import Gvk
from shale.kube.resources import Conflict, Missing, Removed
from shale.storage_provisioner.cluster.door import CLAIM, POD, SERVICE, VOLUME
from shale.testkit.simcluster import SimCluster
from shale.testkit.soon import soon_asked

LABELS = {"app.kubernetes.io/managed-by": "shale", "shale.dev/uid": "uid-1"}
MAP = Gvk("v1", "ConfigMap")


@pytest.fixture(params=["sim", "real"])
async def door(request):
    """A cluster that is empty as far as a test's own namespace goes."""
    if request.param == "sim":
        yield SimCluster()
        return
    cluster = request.getfixturevalue("cluster")
    if not cluster.has_namespaces:
        pytest.skip("this API server has no core kinds")
    async with connected(str(cluster.kubeconfig)) as connection:
        yield Client(connection, "test")


@pytest.fixture
def ns(request, door):
    return "team-a" if isinstance(door, SimCluster) else request.getfixturevalue("namespace")


@pytest.fixture
def name():
    return f"shale-{uuid4().hex[:12]}"


def claim(ns, name):
    only = {"matchLabels": {"test": name}}
    asked = {"requests": {"storage": "1Mi"}}
    spec = {"accessModes": ["ReadOnlyMany"], "storageClassName": "", "selector": only, "resources": asked}
    return made("PersistentVolumeClaim", name, spec, ns)


def volume(ns, name, uid):
    ref = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": ns, "name": name, "uid": uid}
    spec = {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadOnlyMany"], "storageClassName": "", "claimRef": ref}
    return made("PersistentVolume", name, {**spec, "nfs": {"server": "nas.example", "path": "/x", "readOnly": True}})


def pod(ns, name, claim_name):
    """Return a Pod that has a node, for one without holds no claim, and that goes without its node's word."""
    volumes = [{"name": "weights", "persistentVolumeClaim": {"claimName": claim_name}}]
    spec = {"nodeName": "nowhere", "terminationGracePeriodSeconds": 0, "volumes": volumes}
    return made("Pod", name, {**spec, "containers": [{"name": "c", "image": "registry.example/x"}]}, ns)


def made(kind: str, name: str, spec: dict[str, Any], ns: str = "") -> dict[str, Any]:
    meta = {"name": name, "labels": {**LABELS, "test": name}, **({"namespace": ns} if ns else {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}


async def bound(door, ns, name):
    """Return the claim when it is bound to its volume."""
    there = await door.create(claim(ns, name))
    await door.create(volume(ns, name, there["metadata"]["uid"]))

    async def look():
        found = await door.get(CLAIM, ns, name)
        return found if found.get("status", {}).get("phase") == "Bound" else None

    return await soon_asked(look)


async def absent(door, gvk, ns, name):
    async def look():
        return isinstance(await door.get(gvk, ns, name), Missing)

    return await soon_asked(look)


async def end(door, ns, name):
    for gvk, where in ((POD, ns), (CLAIM, ns), (VOLUME, "")):
        await door.delete(gvk, where, name)


async def test_a_claim_is_bound_to_the_volume_that_names_it(door, ns, name):
    there = await bound(door, ns, name)
    assert there["spec"]["volumeName"] == name
    assert (await door.get(VOLUME, "", name))["spec"]["claimRef"]["uid"] == there["metadata"]["uid"]
    await end(door, ns, name)


async def test_a_volume_for_a_namesake_of_the_claim_binds_nobody(door, ns, name):
    there = await door.create(claim(ns, name))
    await door.create(volume(ns, name, str(uuid4())))
    found = await door.get(CLAIM, ns, name)
    assert found["metadata"]["uid"] == there["metadata"]["uid"]
    assert found.get("status", {}).get("phase", "Pending") == "Pending"
    await end(door, ns, name)


async def test_what_is_in_use_goes_when_it_is_no_more(door, ns, name):
    await bound(door, ns, name)
    await door.create(pod(ns, name, name))
    for gvk, where in ((CLAIM, ns), (VOLUME, "")):
        held = await door.delete(gvk, where, name)
        assert held["metadata"]["deletionTimestamp"]
        assert not isinstance(await door.get(gvk, where, name), Missing)
    await door.delete(POD, ns, name)
    for gvk, where in ((POD, ns), (CLAIM, ns), (VOLUME, "")):
        assert await absent(door, gvk, where, name)


async def test_only_what_was_read_is_deleted(door, ns, name):
    there = await door.create(claim(ns, name))
    old, meta = there["metadata"]["resourceVersion"], {"name": name, "namespace": ns, "uid": there["metadata"]["uid"]}
    mine = {**meta, "resourceVersion": old, "labels": {"shale.dev/generation": "2"}}
    adopted = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": mine}
    changed = await door.apply(adopted)
    assert changed["metadata"]["labels"] == {**LABELS, "test": name, "shale.dev/generation": "2"}
    assert isinstance(await door.apply(adopted), Conflict)
    assert isinstance(await door.delete(CLAIM, ns, name, uid=meta["uid"], resource_version=old), Conflict)
    assert isinstance(await door.delete(CLAIM, ns, name, uid=str(uuid4())), Conflict)
    assert not isinstance(await door.get(CLAIM, ns, name), Missing)
    assert isinstance(await door.apply({**adopted, "metadata": {**meta, "uid": str(uuid4())}}), Conflict)
    await end(door, ns, name)


async def test_an_object_is_made_once_and_deleted_once(door, ns, name):
    spec = {"ports": [{"port": 7077}], "selector": {"app": "x"}}
    there = await door.create(made("Service", name, spec, ns))
    assert isinstance(await door.create(made("Service", name, spec, ns)), Conflict)
    assert await door.delete(SERVICE, ns, name) == Removed(there["metadata"]["uid"])
    assert isinstance(await door.delete(SERVICE, ns, name), Missing)


async def test_a_selector_picks_by_labels(door, ns, name):
    await door.create(claim(ns, name))
    other = claim(ns, f"{name}-2")
    other["metadata"] = {**other["metadata"], "labels": {"shale.dev/uid": "uid-2"}}
    await door.create(other)
    for selector, count in (
        ("shale.dev/uid=uid-1", 1),
        ("shale.dev/uid", 2),
        ("app.kubernetes.io/managed-by=shale", 1),
    ):
        assert len((await door.list(CLAIM, ns, selector)).items) == count
    assert [one["metadata"]["name"] for one in (await door.list(CLAIM, ns, fields=f"metadata.name={name}")).items] == [
        name
    ]
    await end(door, ns, name)


async def test_what_has_lost_its_owner_is_collected(door, ns, name):
    owner = await door.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": ns}})
    meta = owner["metadata"]
    ref = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": meta["uid"], "controller": True}
    owned = claim(ns, name)
    owned["metadata"] = {**owned["metadata"], "ownerReferences": [{**ref, "blockOwnerDeletion": False}]}
    await door.create(owned)
    await door.delete(MAP, ns, name)
    if isinstance(door, SimCluster):
        door.collect()
    assert await absent(door, CLAIM, ns, name)
