"""The simulated kubelet on a real API server: what it does with Pods is what a real one's users see."""

import os
import sys
from typing import Any

import pytest

from shale.kube.gvk import Gvk
from shale.testkit.kubelet import Image, Machine, Node
from shale.testkit.soon import soon, soon_asked

POD, NODE, EVENT = Gvk("v1", "Pod"), Gvk("v1", "Node"), Gvk("v1", "Event")
CLAIM, VOLUME = Gvk("v1", "PersistentVolumeClaim"), Gvk("v1", "PersistentVolume")
IMAGE = "registry.example/shale/builder-sync:1"
SLEEP = "import threading; threading.Event().wait()"
SERVE = (
    "import http.server, os, sys; "
    "http.server.HTTPServer((os.environ['POD_IP'], 8080), http.server.SimpleHTTPRequestHandler).serve_forever()"
)


def pod(namespace, name, script, *args, image=IMAGE, policy="Never", **spec) -> dict[str, Any]:
    container = {"name": "main", "image": image, "command": ["python", "-c", script, *args]}
    container |= spec.pop("container", {})
    meta = {"name": name, "namespace": namespace}
    whole = {"restartPolicy": policy, "terminationGracePeriodSeconds": 1, "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": whole}


def phase(wanted):
    return lambda tree: tree.get("status", {}).get("phase") == wanted


def ready(tree):
    return any(one["type"] == "Ready" and one["status"] == "True" for one in tree["status"].get("conditions", ()))


def state(tree):
    containers = tree["status"].get("containerStatuses") or [{"state": {}}]
    return containers[0]["state"]


async def test_a_pod_is_given_a_node_and_an_address_and_runs(kubelet, client, namespace, node, until):
    await client.create(pod(namespace, "p", SLEEP))
    found = await until(POD, "p", ready)
    assert found["spec"]["nodeName"] == node
    assert found["status"]["podIP"].startswith("127.")
    assert (await client.get(NODE, "", node))["metadata"]["labels"] == {"kubernetes.io/hostname": node}
    assert len(kubelet.pods) == 1


async def test_a_deleted_pod_is_ended_and_let_go(kubelet, client, namespace, until, tmp_path):
    script = (
        "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); import threading; threading.Event().wait()"
    )
    await client.create(pod(namespace, "p", script, f"{tmp_path}/pid"))
    await until(POD, "p", ready)
    pid = await soon(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    await client.delete(POD, namespace, "p")
    await until(POD, "p", None)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    await soon(lambda: not kubelet.pods)


@pytest.mark.usefixtures("kubelet")
@pytest.mark.parametrize(("code", "ended"), [(0, "Succeeded"), (3, "Failed")])
async def test_what_ends_is_told_with_its_last_words(client, namespace, until, code, ended):
    script = f"import sys; open('/dev/termination-log', 'w').write('so long'); sys.exit({code})"
    await client.create(
        pod(namespace, "p", script.replace("'/dev/termination-log'", "sys.argv[1]"), "/dev/termination-log")
    )
    found = await until(POD, "p", phase(ended))
    terminated = state(found)["terminated"]
    assert (terminated["exitCode"], terminated["message"]) == (code, "so long")
    assert terminated["finishedAt"]
    assert not ready(found)


@pytest.mark.usefixtures("kubelet")
async def test_what_is_to_stay_is_started_again(client, namespace, until, tmp_path):
    script = "import sys; open(sys.argv[1], 'a').write('x')"
    await client.create(pod(namespace, "p", script, f"{tmp_path}/lives", policy="Always"))
    found = await until(
        POD, "p", lambda tree: (tree["status"].get("containerStatuses") or [{}])[0].get("restartCount", 0) > 1
    )
    assert len((tmp_path / "lives").read_text()) >= 2
    assert found["status"]["phase"] == "Running"


@pytest.mark.usefixtures("kubelet")
async def test_an_image_that_is_not_there_is_waited_for(client, namespace, until, machine):
    await client.create(pod(namespace, "p", SLEEP, image="registry.example/late:1"))
    waits = await until(POD, "p", lambda tree: state(tree).get("waiting", {}).get("reason") == "ErrImagePull")
    assert "registry.example/late:1" in state(waits)["waiting"]["message"]
    machine.images["registry.example/late:1"] = Image()
    await until(POD, "p", ready)


@pytest.mark.usefixtures("kubelet")
async def test_an_entrypoint_is_the_images_own(client, namespace, until, machine):
    machine.images["registry.example/own:1"] = Image(
        entrypoint=(sys.executable, "-c", "import sys; sys.exit(len(sys.argv))")
    )
    made = pod(namespace, "p", "", image="registry.example/own:1", container={"command": None, "args": ["a", "b"]})
    await client.create(made)
    assert state(await until(POD, "p", phase("Failed")))["terminated"]["exitCode"] == 3


@pytest.mark.usefixtures("kubelet")
async def test_mounts_variables_and_dollars_are_put_into_a_command(client, namespace, until, tmp_path):
    (tmp_path / "node" / "models").mkdir()
    script = "import json, os, sys; json.dump([sys.argv[2:], os.environ['WHERE']], open(sys.argv[1], 'w'))"
    env = [
        {"name": "WHERE", "value": "/weights/a"},
        {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    told = ["--volume=/weights", "/weights2", "/x/weights", "$(ME)", "$$(ME)", "$(OTHER)"]
    mounts = [{"name": "weights", "mountPath": "/weights"}]
    made = pod(namespace, "p", script, f"{tmp_path}/told", *told, container={"env": env, "volumeMounts": mounts})
    made["spec"]["volumes"] = [{"name": "weights", "hostPath": {"path": "/data/models"}}]
    await client.create(made)
    await until(POD, "p", phase("Succeeded"))
    here = f"{tmp_path}/node/models"
    expected = f'[["--volume={here}", "/weights2", "/x/weights", "p", "$(ME)", "$(OTHER)"], "{here}/a"]'
    assert (tmp_path / "told").read_text() == expected


@pytest.mark.usefixtures("kubelet")
async def test_a_probe_says_when_it_is_ready(client, namespace, until):
    env = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    probe = {"httpGet": {"path": "/", "port": "web"}}
    ports = [{"name": "web", "containerPort": 8080}]
    made = pod(namespace, "p", SERVE, container={"env": env, "ports": ports, "readinessProbe": probe})
    await client.create(made)
    await client.create(
        {
            **made,
            "metadata": {"name": "deaf", "namespace": namespace},
            "spec": pod(namespace, "deaf", SLEEP, container={"ports": ports, "readinessProbe": probe})["spec"],
        }
    )
    await until(POD, "p", ready)
    deaf = await until(POD, "deaf", phase("Running"))
    assert not ready(deaf)


@pytest.mark.usefixtures("kubelet")
@pytest.mark.parametrize("source", ["local", "nfs", "csi", "nowhere"])
async def test_a_claim_leads_to_its_volumes_folder(client, namespace, node, until, tmp_path, source):
    for folder in ("node", "nas", "efs"):
        (tmp_path / folder / "model").mkdir()
        (tmp_path / folder / "model" / "here").write_text(folder)
    sources = {
        "local": ({"local": {"path": "/data/model"}}, "node"),
        "nfs": ({"nfs": {"server": "nas.example", "path": "/exports/model"}}, "nas"),
        "csi": ({"csi": {"driver": "efs.csi.aws.com", "volumeHandle": "fs-1"}}, "efs/model"),
        "nowhere": ({"nfs": {"server": "nas.example", "path": "/exports/nowhere"}}, ""),
    }
    spec, _ = sources[source]
    name = f"pv-{namespace}"
    await volume_and_claim(client, namespace, name, spec, node if source == "local" else "")
    await until(CLAIM, name, lambda tree: tree["status"]["phase"] == "Bound")
    script = "import sys, pathlib; sys.exit(0 if list(pathlib.Path(sys.argv[1]).rglob('here')) else 1)"
    made = pod(namespace, "p", script, "/w", container={"volumeMounts": [{"name": "w", "mountPath": "/w"}]})
    made["spec"]["volumes"] = [{"name": "w", "persistentVolumeClaim": {"claimName": name}}]
    await client.create(made)
    if source == "nowhere":
        uid = (await client.get(POD, namespace, "p"))["metadata"]["uid"]

        async def failed():
            return (await client.list(EVENT, namespace, fields=f"involvedObject.uid={uid},reason=FailedMount")).items

        assert "nas.example:/exports/nowhere does not exist" in (await soon_asked(failed))[0]["message"]
        (tmp_path / "nas" / "nowhere").mkdir()
        (tmp_path / "nas" / "nowhere" / "here").touch()
    await until(POD, "p", phase("Succeeded"))
    for gvk, where in ((POD, namespace), (CLAIM, namespace), (VOLUME, "")):
        await client.delete(gvk, where, "p" if gvk == POD else name)
    await until(VOLUME, name, None, where="")


async def volume_and_claim(client, namespace, name, source, node=""):
    only = {"matchLabels": {"test": name}}
    meta = {"name": name, "namespace": namespace}
    asked = {"accessModes": ["ReadOnlyMany"], "storageClassName": "", "resources": {"requests": {"storage": "1Mi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": {**asked, "selector": only}}
    uid = (await client.create(claim))["metadata"]["uid"]
    ref = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": name, "uid": uid}
    spec = {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadOnlyMany"], "storageClassName": "", "claimRef": ref}
    if node:
        term = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        source = {**source, "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}}}
    head = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name, "labels": {"test": name}}}
    await client.create({**head, "spec": {**spec, **source}})


async def test_a_volume_of_another_node_leaves_a_pod_without_one(
    kubelet_of, machine, client, namespace, until, tmp_path
):
    (tmp_path / "node" / "model").mkdir()
    nodes = (Node(f"a-{namespace}"), Node(f"b-{namespace}", {"/data": tmp_path / "node"}))
    name = f"pv-{namespace}"
    async with kubelet_of(Machine(machine.scratch, nodes, machine.images)):
        await volume_and_claim(client, namespace, name, {"local": {"path": "/data/model"}}, f"b-{namespace}")
        made = pod(namespace, "p", SLEEP)
        made["spec"]["volumes"] = [{"name": "w", "persistentVolumeClaim": {"claimName": name}}]
        await until(CLAIM, name, lambda tree: tree["status"]["phase"] == "Bound")
        await client.create(made)
        assert (await until(POD, "p", ready))["spec"]["nodeName"] == f"b-{namespace}"
        await client.delete(POD, namespace, "p")
        await until(POD, "p", None)
    async with kubelet_of(Machine(machine.scratch, nodes[:1], machine.images)):
        await client.create(made)
        alone = await until(
            POD, "p", lambda tree: tree["status"].get("conditions", [{}])[0].get("reason") == "Unschedulable"
        )
        assert "0/1 nodes are available" in alone["status"]["conditions"][0]["message"]
        await client.delete(POD, namespace, "p")
        await until(POD, "p", None)
    for gvk, where in ((CLAIM, namespace), (VOLUME, "")):
        await client.delete(gvk, where, name)


@pytest.mark.usefixtures("kubelet")
async def test_configuration_and_secrets_are_files(client, namespace, until, tmp_path):
    for kind, data in (("ConfigMap", {"a": "1"}), ("Secret", {"b": "Mg=="})):
        await client.create(
            {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": namespace}, "data": data}
        )
    script = "import sys; open(sys.argv[1], 'w').write(''.join(open(path).read() for path in sys.argv[2:]))"
    mounts = [{"name": "c", "mountPath": "/c"}, {"name": "s", "mountPath": "/s"}]
    made = pod(namespace, "p", script, f"{tmp_path}/out", "/c/a", "/s/b", container={"volumeMounts": mounts})
    made["spec"]["volumes"] = [{"name": "c", "configMap": {"name": "x"}}, {"name": "s", "secret": {"secretName": "x"}}]
    await client.create(made)
    await until(POD, "p", phase("Succeeded"))
    assert (tmp_path / "out").read_text() == "12"


async def test_a_kubelet_that_ends_takes_its_processes_along(kubelet_of, machine, client, namespace, until, tmp_path):
    script = (
        "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); import threading; threading.Event().wait()"
    )
    async with kubelet_of(machine):
        await client.create(pod(namespace, "p", script, f"{tmp_path}/pid"))
        await until(POD, "p", ready)
        pid = await soon(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())

    def ended():
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True

    await soon(ended)
