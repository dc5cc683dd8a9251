"""The whole road on a cluster: `shale up --kubeconfig`, and a person with kubectl."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from itertools import pairwise
from pathlib import Path
from secrets import token_hex

import pytest
import yaml

from shale.kube.cluster import ClusterResources
from shale.kube.connection import connected
from shale.testkit.asking import SOON
from shale.testkit.kube import bed_of_ones_own, ready
from shale.testkit.kubectl import Kubectl
from shale.testkit.person import SHALE, Here, ended
from shale.testkit.samples import VERSION
from shale.testkit.soon import soon_asked
from shale.watcher.scribe import PASSING_SECONDS

pytestmark = [pytest.mark.real_nats, pytest.mark.slow, pytest.mark.usefixtures("here")]

SAMPLES = Path(__file__).resolve().parents[3] / "deploy" / "samples"
WAIT = f"--timeout={SOON:g}s"


@pytest.fixture(scope="module")
def bed(tmp_path_factory):
    with bed_of_ones_own(tmp_path_factory.mktemp("own"), "both") as bed:
        yield bed


@pytest.fixture(scope="module")
def kubectl(bed, tmp_path_factory, debian_tool):
    return Kubectl(debian_tool("kubectl"), bed.kubeconfig, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="module")
def here(bed, tmp_path_factory) -> Iterator[Here]:
    """Shale on this machine, for the cluster's objects."""
    here = Here(tmp_path_factory.mktemp("here"))
    here.environ["SHALE_LEASE_TTL"] = "2"
    here.environ["SHALE_ACK_WAIT"] = "3"
    weights(here, "all-minilm-l6-v2")
    weights(here, "all-minilm-l6-v2-v2", config="other")
    weights(here, "huge", size=400 << 20)
    process, _ = here.up("--kubeconfig", str(bed.kubeconfig), "--models", f"/models={here.folder}/models")
    yield here
    ended(process)
    shutil.rmtree(here.folder, ignore_errors=True)


@pytest.fixture
def ns(kubectl) -> Iterator[str]:
    name = f"team-{token_hex(4)}"
    kubectl.do("create", "namespace", name)
    yield name
    kubectl.do("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def weights(here, name, config="first", size=17 << 20):
    folder = here.folder / "models" / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(b"weights")
        file.truncate(size)


def manifest(ns, name="mv-1", path="/models/all-minilm-l6-v2", model="tiny", **spec):
    """A version in a repository of its own."""
    storage = {"localStorage": {"path": path, "nodeName": "laptop"}}
    whole = {"modelName": model, "imageRepo": f"models/{ns}/{name}", "imageTag": "v1", "storage": storage, **spec}
    metadata = {"name": name, "namespace": ns}
    return {"apiVersion": "shale.dev/v1alpha1", "kind": "ModelVersion", "metadata": metadata, "spec": whole}


def until_ready(kubectl, ns, name="mv-1"):
    kubectl.do("wait", "--for=condition=Ready", f"mv/{name}", "-n", ns, WAIT)
    return kubectl.get("mv", name, "-n", ns)


def until(look, what):
    async def asked():
        return await asyncio.to_thread(look)

    return asyncio.run(asyncio.wait_for(soon_asked(asked, SOON), SOON + 30)) or pytest.fail(what)


def test_the_yaml_of_the_readme_comes_to_ready_by_kubectl(here, kubectl):
    text = (SAMPLES / "first-version.yaml").read_text()
    kubectl.do("create", "namespace", "team-a")
    kubectl.do("apply", "-f", "-", stdin=text)
    version = until_ready(kubectl, "team-a", "minilm-v1")
    status = version["status"]
    assert status["image"] == "models/all-minilm-l6-v2:v1"
    assert status["digest"].startswith("sha256:")
    model = version["metadata"]["ownerReferences"][0]
    assert (model["kind"], model["name"]) == ("Model", "minilm")
    header, row = kubectl.do("get", "mv", "-n", "team-a").splitlines()
    assert header.split() == ["NAME", "MODEL", "PHASE", "PROGRESS", "NEW", "REUSED", "IMAGE", "READY", "AGE"]
    assert row.split()[:3] == ["minilm-v1", "minilm", "Ready"]

    kubectl.do("apply", "-f", str(SAMPLES / "second-version.yaml"))
    second = until_ready(kubectl, "team-a", "minilm-v2")
    assert second["status"]["bytesReused"] >= 17 << 20

    def latest():
        model = kubectl.get("model", "minilm", "-n", "team-a")
        return model["status"].get("latestVersion", {}).get("modelVersion") == "minilm-v2"

    until(latest, "the model's latest version")
    pulled = here.shale("pull", "models/all-minilm-l6-v2:v1", str(here.folder / "pulled"))
    assert pulled.returncode == 0, pulled.stderr
    assert (here.folder / "pulled" / "config.json").read_text() == "first"


def test_the_shale_command_speaks_of_the_same_objects(here, kubectl, ns):
    file = here.folder / f"{ns}.yaml"
    file.write_text(yaml.safe_dump(manifest(ns)))
    assert "created" in here.shale("apply", "-f", str(file)).stdout
    until_ready(kubectl, ns)
    assert here.shale("retry", "mv/mv-1", "-n", ns).returncode == 0
    assert kubectl.get("mv", "mv-1", "-n", ns)["spec"]["attempt"] == 1
    assert here.shale("wait", "mv/mv-1", "-n", ns).returncode == 0
    assert here.shale("delete", "mv/mv-1", "-n", ns).returncode == 0
    assert kubectl.there("mv", "mv-1", "-n", ns) is None


def test_events_tell_each_phase_and_reason_once(kubectl, ns):
    kubectl.apply(manifest(ns))
    uid = until_ready(kubectl, ns)["metadata"]["uid"]

    def told():
        mine = [one for one in kubectl.items("events.events.k8s.io", "-n", ns) if one["regarding"].get("uid") == uid]
        return mine if any(one["reason"] == "ImageBuilt" for one in mine) else None

    events = until(told, "an event of the image")
    assert {one["type"] for one in events} == {"Normal"}
    assert len({(one["action"], one["reason"]) for one in events}) == len(events)
    (built,) = [one for one in events if one["reason"] == "ImageBuilt"]
    assert "@sha256:" in built["note"]
    assert built["action"] == "Ready"
    assert "ImageBuilt" in kubectl.do("describe", "mv", "mv-1", "-n", ns)


def test_what_stalls_warns_and_heals(here, kubectl, ns):
    kubectl.apply(manifest(ns, path="/models/late"))
    kubectl.do("wait", "--for=condition=Stalled", "mv/mv-1", "-n", ns, WAIT)

    def warned():
        return [one for one in kubectl.items("events", "-n", ns) if one["type"] == "Warning"]

    (event,) = until(warned, "a warning")
    assert "/models/late" in event["message"]
    weights(here, "late")
    until_ready(kubectl, ns)


def test_the_same_names_in_two_namespaces_are_two_models(kubectl, ns):
    other = f"{ns}-b"
    kubectl.do("create", "namespace", other)
    kubectl.apply(manifest(ns), manifest(other, path="/models/all-minilm-l6-v2-v2"))
    first, second = until_ready(kubectl, ns), until_ready(kubectl, other)
    assert first["status"]["digest"] != second["status"]["digest"]
    kubectl.do("delete", "model", "tiny", "-n", other, WAIT)
    until(lambda: kubectl.there("mv", "mv-1", "-n", other) is None, "the other's version is gone")
    assert kubectl.get("mv", "mv-1", "-n", ns)["metadata"]["uid"] == first["metadata"]["uid"]
    kubectl.do("delete", "namespace", other, WAIT)


@pytest.mark.parametrize("side", ["false", "true"])
def test_what_is_applied_again_and_again_changes_nothing(kubectl, ns, side):
    """As GitOps does: no write, no new generation, no work."""
    flags = {"server_side": side}
    kubectl.apply(manifest(ns), **flags)
    before = until_ready(kubectl, ns)
    until(lambda: settled(kubectl, ns, before), "the version at rest")
    before = kubectl.get("mv", "mv-1", "-n", ns)
    for _ in range(5):
        kubectl.apply(manifest(ns), **flags)
    assert kubectl.get("mv", "mv-1", "-n", ns) == before


def settled(kubectl, ns, before):
    """Its model has it, which is the last write that follows Ready."""
    model = kubectl.there("model", "tiny", "-n", ns)
    latest = ((model or {}).get("status") or {}).get("latestVersion") or {}
    return latest.get("modelVersion") == "mv-1" and bool(before)


@pytest.mark.parametrize("cascade", ["foreground", "background"])
def test_a_deleted_model_takes_its_versions_with_it(kubectl, ns, cascade):
    kubectl.apply(manifest(ns), manifest(ns, "mv-2"))
    for name in ("mv-1", "mv-2"):
        until_ready(kubectl, ns, name)
    kubectl.do("delete", "model", "tiny", "-n", ns, f"--cascade={cascade}", WAIT)
    until(lambda: not kubectl.items("mv,model", "-n", ns), "everything is gone")


def test_a_namespace_that_is_deleted_amid_a_build_goes(here, kubectl, ns):
    """The packers stand still until it is being deleted: else the build may be over before anybody sees it."""

    def building():
        return ((kubectl.there("mv", "mv-1", "-n", ns) or {}).get("status") or {}).get("phase") == "Scanning"

    with here.absent("builder-sync-1", "builder-sync-2"):
        kubectl.apply(manifest(ns, path="/models/huge"))
        until(building, "building")
        kubectl.do("delete", "namespace", ns, "--wait=false")
    kubectl.do("wait", "--for=delete", f"namespace/{ns}", WAIT)
    assert kubectl.there("namespace", ns) is None


def test_a_kind_that_is_removed_and_comes_back_is_served_again(bed, kubectl, ns):
    """Its objects go first: while a CRD is terminating the testbed, which has no admission, panics at each write."""
    kubectl.apply(manifest(ns))
    until_ready(kubectl, ns)
    for namespace in {one["metadata"]["namespace"] for one in kubectl.items("mv", "-A")}:
        kubectl.do("delete", "mv", "--all", "-n", namespace, WAIT)
    kubectl.do("delete", "crd", "modelversions.shale.dev", WAIT)
    ready(bed.kubeconfig)

    def applied():
        return kubectl.run("apply", "-f", "-", stdin=json.dumps(manifest(ns))).returncode == 0

    until(applied, "the kind is served again")
    until_ready(kubectl, ns)


async def changes(bed, kubectl, ns, name):
    """Apply a version and return how it stood after each write until it is Ready and its Model's, and the seconds."""
    async with connected(str(bed.kubeconfig)) as connection:
        resources = ClusterResources(connection)
        start = (await resources.list(VERSION)).resource_version
        began, told = time.monotonic(), []
        await asyncio.to_thread(kubectl.apply, manifest(ns, name))
        async with asyncio.timeout(SOON), aclosing(resources.watch(VERSION, start)) as watch:
            async for change in watch:
                told += [change.object] if change.object.metadata.namespace == ns else []  # pyright: ignore[reportAttributeAccessIssue]
                if told and told[-1].status.phase == "Ready" and told[-1].metadata.owner_references:
                    return told, time.monotonic() - began
    raise AssertionError(told)


def writes(told):
    """Return how many writes were to the metadata, and the phases that the others wrote; its birth is its user's."""
    phases = [after.status.phase for before, after in pairwise(told) if after.status != before.status]
    return len(told) - 1 - len(phases), phases


async def test_a_version_costs_three_writes_and_the_first_of_a_model_one_more(bed, kubectl, ns):
    """The finalizer with its owner, that it was seen, and its end; a Model that is not there yet comes in between.

    What is only on its way is written once a second: a slow machine may have so many more.
    """
    told, took = await changes(bed, kubectl, ns, "mv-1")
    metadata, phases = writes(told)
    assert metadata == 1 + 1, told
    assert phases[-1] == "Ready"
    assert len(phases) <= 2 + took / PASSING_SECONDS, phases

    await asyncio.to_thread(until, lambda: settled(kubectl, ns, told), "its model is known")
    told, took = await changes(bed, kubectl, ns, "mv-2")
    metadata, phases = writes(told)
    assert metadata == 1, told
    assert phases[-1] == "Ready"
    assert len(phases) <= 2 + took / PASSING_SECONDS, phases


@contextmanager
def second_watcher(here):
    """One more watcher of the same house."""
    log = here.folder / "second-watcher.log"
    with log.open("w") as file:
        environ = {**here.environ, "SHALE_HEALTH_PORT": "-1"}
        process = subprocess.Popen([*SHALE, "run", "watcher"], env=environ, stdout=file, stderr=file)
    try:
        yield log
    finally:
        process.terminate()
        process.wait(60)


def test_of_two_watchers_one_works_and_the_other_takes_over(here, kubectl, ns):
    with second_watcher(here) as log:
        until(lambda: '"up"' in log.read_text(), "the second watcher is up")
        kubectl.apply(manifest(ns))
        until_ready(kubectl, ns)
        state = yaml.safe_load((here.folder / "home" / "state.json").read_text())
        (first,) = [one["pid"] for one in state["processes"] if one["name"] == "watcher"]
        os.kill(first, signal.SIGKILL)
        kubectl.apply(manifest(ns, "mv-2"))
        until_ready(kubectl, ns, "mv-2")
    kubectl.apply(manifest(ns, "mv-3"))
    until_ready(kubectl, ns, "mv-3")
