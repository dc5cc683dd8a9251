"""Versions whose weights only a cluster has: volumes, readers, images, and nothing left behind.

A real API server with its controllers, NATS and the services as processes, each by its own
ServiceAccount; the kubelet is the simulated one.
"""

import socket
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import pytest

from shale.blueprint.rbac import NAMESPACE
from shale.contracts.errors import Transient
from shale.kube.client import Client
from shale.kube.connection import connected
from shale.kube.gvk import Gvk
from shale.kube.resources import Invalid, Missing
from shale.storage_provisioner.cluster import manifests
from shale.testkit.accounts import AccountedHouse, login_as
from shale.testkit.kube import bed_of_ones_own
from shale.testkit.kubectl import Kubectl
from shale.testkit.kubelet import Image, Kubelet, Machine, Node, Proxy
from shale.testkit.soon import soon_asked

pytestmark = [pytest.mark.real_nats, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "registry.example/shale/builder-sync:1"
VERSION = Gvk("shale.dev/v1alpha1", "ModelVersion")
CLAIM, VOLUME = Gvk("v1", "PersistentVolumeClaim"), Gvk("v1", "PersistentVolume")
QUOTA = Gvk("v1", "ResourceQuota")
OURS = [VOLUME, CLAIM, Gvk("v1", "Service"), Gvk("v1", "Pod")]
WITHIN = 120.0
"""Seconds: a version waits for ticks of whole seconds, and the machine may be busy."""


@pytest.fixture(scope="module")
def bed(tmp_path_factory):
    with bed_of_ones_own(tmp_path_factory.mktemp("own"), "both") as bed:
        yield bed


@pytest.fixture(scope="module")
def proxy_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def logins(bed, debian_tool, tmp_path_factory):
    """Return who comes to the cluster, each with the rights of its card and no others."""
    folder = tmp_path_factory.mktemp("logins")
    kubectl = Kubectl(debian_tool("kubectl"), bed.kubeconfig, folder)
    for page in ("namespace.yaml", "rbac.yaml"):
        kubectl.do("apply", "--filename", str(ROOT / "deploy" / "base" / page))
    return {name: login_as(bed.kubeconfig, NAMESPACE, name, folder) for name in ("watcher", "storage-provisioner")}


@pytest.fixture(scope="module")
def house(logins, proxy_port, tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    (folder / "key").write_text("0123456789abcdef0123456789abcdef")
    environ = {
        "SHALE_ROOTS": "/data",
        "SHALE_NFS_ALLOWED": "nas.example:/exports",
        "SHALE_EFS_ALLOWED": "fs-1",
        "SHALE_READER_IMAGE": IMAGE,
        "SHALE_READER_KEY_FILE": str(folder / "key"),
        "SHALE_READER_PROXY": f"127.0.0.1:{proxy_port}",
    }
    with AccountedHouse(folder, logins, environ) as house:
        yield house
        print(house.logs())  # noqa: T201 (shown with a failure only)
        said = [line for process in house.processes for line in process.log.read_text().splitlines()]
        assert [line for line in said if "cannot" in line and "in API group" in line] == []  # a right that is missing


@pytest.fixture
async def connection(bed):
    async with connected(str(bed.kubeconfig)) as connection:
        yield connection


@pytest.fixture
def client(connection):
    return Client(connection, "user")


@pytest.fixture
async def ns(client):
    name = f"team-{token_hex(4)}"
    await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def machine(tmp_path, ns):
    """Return a node, a file server, a file system; each with a model."""
    for name, folder in {"node": "resnet", "nas": "resnet", "efs": "", "disk": "a/resnet"}.items():
        model = tmp_path / name / folder
        model.mkdir(parents=True)
        (model / "config.json").write_text(f'{{"of": "{name}"}}')
        with (model / "model.safetensors").open("wb") as file:
            file.write(name.encode())
            file.truncate(17 << 20)
    (tmp_path / "scratch").mkdir()
    folders = {"/data": tmp_path / "node", "/disk": tmp_path / "disk"}
    exports = {"nas.example:/exports": tmp_path / "nas", "fs-1": tmp_path / "efs"}
    return Machine(tmp_path / "scratch", (Node(f"node-{ns}", folders),), {IMAGE: Image()}, exports)


@pytest.fixture
def cluster_of(connection, machine, ns, proxy_port):
    @asynccontextmanager
    async def running():
        async with Kubelet(connection, machine, ns) as kubelet, Proxy(kubelet, proxy_port):
            try:
                yield kubelet
            finally:
                print(kubelet.logs())  # noqa: T201 (shown with a failure only)

    return running


async def users_claim(client, ns, name="weights"):
    """Make a claim over a disk of the node, as a user has one."""
    only, asked = {"matchLabels": {"disk": ns}}, {"requests": {"storage": "1Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "selector": only, "resources": asked}
    meta = {"name": name, "namespace": ns}
    await client.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec})
    disk = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    spec = {**disk, "hostPath": {"path": "/disk"}}
    meta = {"name": f"disk-{ns}", "labels": {"disk": ns}}
    await client.create({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": spec})


async def lets_no_pod_in(client, ns):
    """Give the namespace a quota of no Pod, and wait until it is heeded."""
    spec = {"hard": {"pods": "0"}}
    meta = {"name": "none", "namespace": ns}
    await client.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": spec})
    spec = {"containers": [{"name": "c", "image": IMAGE}], "automountServiceAccountToken": False}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}

    async def look():
        try:
            said = await client.apply(pod, dry_run=True)
        except Transient:  # its controller has not come to it yet
            return False
        return isinstance(said, Invalid) and "exceeded quota" in said.message

    await soon_asked(look, WITHIN)


async def apply(client, ns, name, storage, **spec):
    whole = {"modelName": name, "imageRepo": f"models/{ns}/{name}", "imageTag": "v1", "storage": storage, **spec}
    meta = {"name": name, "namespace": ns}
    made = await client.apply(
        {"apiVersion": "shale.dev/v1alpha1", "kind": "ModelVersion", "metadata": meta, "spec": whole}
    )
    assert isinstance(made, dict), made


async def condition(client, ns, name, kind, reason):
    """Wait for a condition that is True for that reason, and return its message."""

    async def look():
        status = (await client.get(VERSION, ns, name)).get("status", {})
        found = [one for one in status.get("conditions", ()) if one["type"] == kind and one["status"] == "True"]
        seen.append(status)
        return found[0]["message"] if found and found[0]["reason"] == reason else None

    seen = []
    try:
        return await soon_asked(look, WITHIN)
    except AssertionError:
        raise AssertionError(f"{name} is not {kind} for {reason}: {seen[-1]}") from None


async def nothing_left(client, ns):
    """Wait until nothing of ours is there any more: in the namespace, and no volume of it in the cluster."""
    picked = f"{manifests.MANAGED}={manifests.SHALE},shale.dev/namespace={ns}"

    async def look():
        left = [one for gvk in OURS for one in (await client.list(gvk, labels=picked)).items]
        return not left

    await soon_asked(look, WITHIN)


async def delete(client, ns, *names):
    for name in names:
        await client.delete(VERSION, ns, name)

    async def look():
        return all([isinstance(await client.get(VERSION, ns, name), Missing) for name in names])

    await soon_asked(look, WITHIN)


@pytest.mark.usefixtures("house")
async def test_weights_of_a_node_a_server_a_file_system_and_a_claim_become_images(client, ns, cluster_of):
    storages = {
        "local": {"localStorage": {"path": "/data/resnet", "nodeName": f"node-{ns}"}},
        "nfs": {"nfs": {"server": "nas.example", "path": "/exports/resnet"}},
        "efs": {"awsEfs": {"volumeHandle": "fs-1", "attributes": {"encryptInTransit": "true"}}},
        "pvc": {"pvc": {"claimName": "weights", "subPath": "a/resnet"}},
    }
    await users_claim(client, ns)
    async with cluster_of() as kubelet:
        for name, storage in storages.items():
            await apply(client, ns, name, storage)
        digests = set()
        for name in storages:
            assert f"models/{ns}/{name}:v1@sha256:" in await condition(client, ns, name, "Ready", "ImageBuilt")
            digests.add((await client.get(VERSION, ns, name))["status"]["digest"])
        assert len(digests) == len(storages), "each packed its own bytes"
        await nothing_left(client, ns)
        assert not kubelet.pods
        assert (await client.get(CLAIM, ns, "weights"))["status"]["phase"] == "Bound"
        await delete(client, ns, *storages)
    await client.delete(CLAIM, ns, "weights")
    await client.delete(VOLUME, "", f"disk-{ns}")


@pytest.mark.usefixtures("house")
async def test_what_is_missing_is_named_and_heals_when_it_comes(client, ns, cluster_of, machine, tmp_path):
    image = machine.images.pop(IMAGE)
    async with cluster_of():
        await apply(client, ns, "mv", {"pvc": {"claimName": "weights", "subPath": "late"}})
        assert f"claim {ns}/weights is not there: create it" in await condition(
            client, ns, "mv", "Stalled", "ClaimNotFound"
        )
        await lets_no_pod_in(client, ns)
        await users_claim(client, ns)
        assert "exceeded quota: none" in await condition(client, ns, "mv", "Stalled", "NotAccepted")
        await client.delete(QUOTA, ns, "none")
        assert f"waits for image {IMAGE}" in await condition(client, ns, "mv", "Stalled", "ImageNotPulled")
        machine.images[IMAGE] = image
        missing = await condition(client, ns, "mv", "Stalled", "SourceNotFound")
        assert missing.startswith("claim weights, subPath late is not there")
        assert "put the model there" in missing
        (tmp_path / "disk" / "a" / "resnet").rename(tmp_path / "disk" / "late")
        await condition(client, ns, "mv", "Ready", "ImageBuilt")
        await nothing_left(client, ns)
        await delete(client, ns, "mv")
    await client.delete(CLAIM, ns, "weights")
    await client.delete(VOLUME, "", f"disk-{ns}")


@pytest.mark.usefixtures("house")
async def test_versions_that_are_deleted_while_they_wait_leave_nothing(client, ns, cluster_of, tmp_path):
    (tmp_path / "node" / "out").symlink_to(tmp_path / "disk")
    async with cluster_of() as kubelet:
        for name, path in {"late": "/data/nowhere", "link": "/data/out", "other": "/data/resnet"}.items():
            node = f"node-{ns}" if name != "other" else "elsewhere"
            await apply(client, ns, name, {"localStorage": {"path": path, "nodeName": node}})
        await condition(client, ns, "late", "Stalled", "SourceNotFound")
        leads_out = await condition(client, ns, "link", "Stalled", "UnsafeLink")
        assert leads_out.startswith(f"/data/out on node node-{ns} leads out of its volume by a link")
        assert "0/1 nodes are available" in await condition(client, ns, "other", "Stalled", "Unschedulable")
        await delete(client, ns, "late", "link", "other")
        await nothing_left(client, ns)
        assert not kubelet.pods


@pytest.mark.usefixtures("house")
async def test_a_namespace_that_is_deleted_leaves_no_volume(client, ns, cluster_of):
    async with cluster_of():
        await apply(client, ns, "mv", {"localStorage": {"path": "/data/nowhere", "nodeName": f"node-{ns}"}})
        await condition(client, ns, "mv", "Stalled", "SourceNotFound")
        await client.delete(Gvk("v1", "Namespace"), "", ns)
        await nothing_left(client, ns)
