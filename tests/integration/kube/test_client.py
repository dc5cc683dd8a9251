"""Objects of core kinds on a real API server, as plain manifests."""

import asyncio
from contextlib import aclosing
from uuid import uuid4

import pytest

from shale.contracts.errors import Transient
from shale.kube.client import Client, Seen
from shale.kube.connection import connected
from shale.kube.gvk import Gvk
from shale.kube.resources import Conflict, Invalid, Missing, Removed
from shale.testkit.asking import SOON
from shale.testkit.soon import soon_asked

MAP, NAMESPACE, VOLUME = Gvk("v1", "ConfigMap"), Gvk("v1", "Namespace"), Gvk("v1", "PersistentVolume")
DEPLOYMENT, ROUTE = Gvk("apps/v1", "Deployment"), Gvk("gateway.networking.k8s.io/v1", "HTTPRoute")


@pytest.fixture
async def connection(cluster):
    async with connected(str(cluster.kubeconfig)) as connection:
        yield connection


@pytest.fixture
def client(connection):
    return Client(connection, "tester")


def config(namespace, name="c", data=None, **meta):
    metadata = {"name": name, "namespace": namespace, **meta}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"} if data is None else data}


async def test_an_object_is_applied_read_and_deleted(client, namespace):
    made = await client.apply(config(namespace))
    assert await client.get(MAP, namespace, "c") == made
    assert made["data"] == {"a": "1"}
    uid = made["metadata"]["uid"]
    assert await client.delete(MAP, namespace, "c", uid=uid) == Removed(uid)
    assert isinstance(await client.get(MAP, namespace, "c"), Missing)
    assert isinstance(await client.delete(MAP, namespace, "c"), Missing)


async def test_what_is_left_out_goes_and_what_another_manager_applied_stays(connection, client, namespace):
    await client.apply(config(namespace, data={"a": "1", "b": "2"}))
    await Client(connection, "another").apply(config(namespace, data={"theirs": "3"}))
    changed = await client.apply(config(namespace, data={"b": "2"}))
    assert changed["data"] == {"b": "2", "theirs": "3"}


async def test_the_same_again_writes_nothing_and_a_dry_run_neither(client, namespace):
    made = await client.apply(config(namespace))
    assert await client.apply(config(namespace)) == made
    dry = await client.apply(config(namespace, data={"a": "2"}), dry_run=True)
    assert isinstance(dry, dict)
    assert dry["data"] == {"a": "2"}
    assert await client.get(MAP, namespace, "c") == made


async def test_a_field_of_another_manager_is_a_conflict_unless_forced(connection, client, namespace):
    await client.apply(config(namespace))
    other = Client(connection, "another")
    assert isinstance(await other.apply(config(namespace, data={"a": "2"}), force=False), Conflict)
    taken = await other.apply(config(namespace, data={"a": "2"}))
    assert isinstance(taken, dict)
    assert taken["data"] == {"a": "2"}


async def test_a_uid_or_an_old_resource_version_is_a_precondition(client, namespace):
    made = await client.apply(config(namespace))
    old = made["metadata"]["resourceVersion"]
    await client.apply(config(namespace, data={"a": "2"}))
    stranger = str(uuid4())
    assert isinstance(await client.apply(config(namespace, resourceVersion=old)), Conflict)
    assert isinstance(await client.apply(config(namespace, uid=stranger)), Conflict)
    assert isinstance(await client.apply(config(namespace, "absent", uid=stranger)), Conflict)
    assert isinstance(await client.delete(MAP, namespace, "c", uid=stranger), Conflict)
    assert isinstance(await client.delete(MAP, namespace, "c", resource_version=old), Conflict)
    assert (await client.get(MAP, namespace, "c"))["data"] == {"a": "2"}


async def test_creating_what_is_there_is_a_conflict(client, namespace):
    assert (await client.create(config(namespace)))["metadata"]["uid"]
    assert isinstance(await client.create(config(namespace)), Conflict)


async def test_what_is_wrong_is_refused_in_one_line(client, namespace):
    said = await client.apply(config(namespace, "Not a name"))
    assert isinstance(said, Invalid)
    assert "metadata.name" in said.message
    assert "\n" not in said.message


async def test_a_namespace_that_is_not_there_is_missing(client):
    assert isinstance(await client.create(config(f"nowhere-{uuid4().hex[:6]}")), Missing)
    assert isinstance(await client.apply(config(f"nowhere-{uuid4().hex[:6]}")), Missing)


async def test_a_list_holds_what_a_selector_picks_and_its_items_say_their_kind(client, namespace):
    await client.apply(config(namespace, "one", labels={"team": "eyes"}))
    await client.apply(config(namespace, "two"))
    found = await client.list(MAP, namespace, "team=eyes")
    assert [item["metadata"]["name"] for item in found.items] == ["one"]
    assert found.items[0]["kind"] == "ConfigMap"
    assert {item["metadata"]["name"] for item in (await client.list(MAP, namespace)).items} >= {"one", "two"}


async def test_a_list_holds_what_a_field_selector_picks(client, namespace):
    for name in ("one", "two"):
        await client.apply(config(namespace, name))
    found = await client.list(MAP, namespace, fields="metadata.name=two")
    assert [item["metadata"]["name"] for item in found.items] == ["two"]


async def test_a_watch_tells_what_becomes_of_what_a_selector_picks(client, namespace):
    start = (await client.list(MAP, namespace)).resource_version
    async with aclosing(client.watch(MAP, start, namespace, "team=eyes")) as watch:
        await client.apply(config(namespace, "one"))
        await client.apply(config(namespace, "two", labels={"team": "eyes"}))
        await client.delete(MAP, namespace, "two")
        told = [await asyncio.wait_for(anext(watch), SOON) for _ in range(2)]
    assert [(isinstance(one, Seen), one.tree["metadata"]["name"], one.deleted) for one in told] == [
        (True, "two", False),
        (True, "two", True),
    ]


async def test_a_finalizer_holds_an_object_and_a_kind_without_namespace_needs_none(client):
    name = f"pv-{uuid4().hex[:8]}"
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadOnlyMany"], "hostPath": {"path": "/nowhere"}}
    meta = {"name": name, "finalizers": ["shale.dev/test"]}
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": spec}
    made = await client.apply(volume)
    held = await client.delete(VOLUME, "", name, uid=made["metadata"]["uid"])
    assert held["metadata"]["deletionTimestamp"]
    assert "shale.dev/test" in held["metadata"]["finalizers"]
    await client.apply({**volume, "metadata": {"name": name}})
    for _ in range(int(SOON / 0.05)):
        if isinstance(await client.get(VOLUME, "", name), Missing):
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("the volume stays")


async def test_a_status_is_applied_apart(client, namespace):
    labels = {"app": "x"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "registry.example/x"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}
    head = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": namespace}}
    assert isinstance(await client.apply({**head, "status": {"replicas": 1}}, subresource="status"), Missing)
    await client.apply({**head, "spec": spec})
    said = await client.apply({**head, "status": {"collisionCount": 7}}, subresource="status")
    assert said["status"]["collisionCount"] == 7
    assert said["spec"]["replicas"] == 0


async def test_a_kind_that_is_not_served_is_known_for_it(client, namespace):
    assert await client.serves(DEPLOYMENT)
    assert not await client.serves(ROUTE)
    assert not await client.serves(Gvk("v1", "Nothing"))
    with pytest.raises(Transient, match="not served"):
        await client.get(ROUTE, namespace, "r")


async def test_names_stay_names_in_a_path(client, namespace):
    for name in ("a/b", "", "..", "%2f", "?watch=1", "a b"):
        assert isinstance(await client.get(MAP, namespace, name), Missing)
        assert isinstance(await client.delete(MAP, namespace, name), Missing)
        assert isinstance(await client.apply(config(namespace, name)), Invalid)


async def test_what_a_namespaces_own_bounds_refuse_is_a_value(client, namespace):
    meta, most = {"name": "b", "namespace": namespace}, {"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}
    await client.create({"apiVersion": "v1", "kind": "LimitRange", "metadata": meta, "spec": {"limits": [most]}})
    asked = {"accessModes": ["ReadOnlyMany"], "resources": {"requests": {"storage": "2Gi"}}}

    async def refused():
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": asked}
        said = [await client.create(claim), await client.apply(claim)]
        await client.delete(Gvk("v1", "PersistentVolumeClaim"), namespace, "b")
        return all(isinstance(one, Invalid) and "maximum storage usage" in one.message for one in said)

    await soon_asked(refused)  # admission reads bounds from a cache
