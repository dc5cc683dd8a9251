"""What is deployed, on a real API server: taken strictly, and each service may do what its card says, and no more."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from shale.blueprint.rbac import NAMESPACE
from shale.contracts.resources import GROUP, KINDS
from shale.runtime.installed import services
from shale.runtime.service import Touch
from shale.testkit.apiserver import ApiServer
from shale.testkit.kube import Cluster
from shale.testkit.kubectl import Kubectl
from shale.testkit.soon import soon_asked

ROOT = Path(__file__).resolve().parents[3]
SERVICES = services()
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    *((GROUP, f"{kind.plural}{sub}") for kind in KINDS.values() for sub in ("", "/status", "/finalizers", "/scale")),
    *(("", name) for name in ("secrets", "configmaps", "namespaces", "nodes", "events", "serviceaccounts")),
    *(
        ("", name)
        for name in ("pods", "pods/exec", "pods/log", "pods/status", "pods/portforward", "pods/ephemeralcontainers")
    ),
    *(
        ("", name)
        for name in ("services", "services/proxy", "endpoints", "persistentvolumes", "persistentvolumeclaims")
    ),
    *(("", name) for name in ("persistentvolumes/status", "persistentvolumeclaims/status", "serviceaccounts/token")),
    *(("apps", name) for name in ("deployments", "deployments/scale", "statefulsets", "daemonsets")),
    *(("batch", name) for name in ("jobs", "cronjobs")),
    *(("rbac.authorization.k8s.io", name) for name in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")),
    ("coordination.k8s.io", "leases"),
    ("events.k8s.io", "events"),
    ("storage.k8s.io", "storageclasses"),
    ("networking.k8s.io", "networkpolicies"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("kubeflow.org", "pytorchjobs"),
    ("*", "*"),
)

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def kube(cluster: Cluster, kubectl) -> Kubectl:
    """An administrator with kubectl, in a cluster that has Shale's namespace, accounts and rights."""
    tool: Kubectl = kubectl(cluster.kubeconfig)
    if not cluster.has_namespaces:
        pytest.skip("this cluster has custom resources only: RBAC was not tried")
    tool.do("apply", "--filename", str(ROOT / "deploy/base/namespace.yaml"))
    tool.do("apply", "--filename", str(ROOT / "deploy/base/rbac.yaml"))
    return tool


@pytest.fixture(scope="module")
def people(cluster: Cluster, kube: Kubectl, login_as) -> dict[str, ApiServer]:
    """Every service as a client of the API server with its own ServiceAccount's token."""
    assert kube, "it made the accounts"
    found = {name: ApiServer(login_as(cluster.kubeconfig, name)) for name in SERVICES}
    for name, person in found.items():
        for touch in (touch for card in SERVICES[name] for touch in card.touches):
            asyncio.run(soon_asked(partial(_granted, person, touch)))
    return found


async def _granted(person: ApiServer, touch: Touch) -> bool:
    """Whether the authorizer has heard of a right: it follows what was applied."""
    return await asyncio.to_thread(allowed, person, touch.verbs[0], touch.group, touch.resources[0])


def allowed(person: ApiServer, verb: str, group: str, resource: str, **where: str) -> bool:
    """Ask the API server itself what the bearer of this token may do."""
    named, _, sub = resource.partition("/")
    asked = {"verb": verb, "group": group, "resource": named, "subresource": sub, "namespace": "team-a", **where}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    code, answer = person.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert code == 201, answer
    return answer["status"]["allowed"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_what_its_card_says_and_is_refused_everything_else(people, name: str):
    mine = {
        (verb, touch.group, resource)
        for card in SERVICES[name]
        for touch in card.touches
        for verb, resource in product(touch.verbs, touch.resources)
    }
    tried = {(verb, *resource) for verb, resource in product(VERBS, RESOURCES)}
    assert mine <= tried, "what a card says is in the matrix"
    assert {one for one in tried if allowed(people[name], *one)} == mine


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_reads_a_secret_or_a_pods_inside_by_itself(people, name: str):
    person: ApiServer = people[name]
    for path in (
        f"/api/v1/namespaces/{NAMESPACE}/secrets",
        f"/api/v1/namespaces/{NAMESPACE}/secrets/shale-nats-operator",
        "/api/v1/secrets",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/api/v1/namespaces/kube-system/configmaps",
    ):
        code, answer = person.call("GET", path)
        assert (code, answer.get("reason")) == (403, "Forbidden"), path


def test_what_is_allowed_is_really_done_and_what_is_not_is_really_refused(people, namespace: str):
    """Users delete what is theirs, and volumes go with who made them."""
    model = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Model",
        "metadata": {"name": "m", "namespace": namespace},
        "spec": {"description": "x"},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "c", "namespace": namespace},
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "resources": {"requests": {"storage": "1Mi"}},
            "storageClassName": "",
        },
    }
    models, claims = (
        f"/apis/{GROUP}/v1alpha1/namespaces/{namespace}/models/m",
        f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/c",
    )
    owner, ends = {models: "watcher", claims: "storage-provisioner"}, {models: "", claims: "storage-provisioner"}
    for path, body in ((models, model), (claims, claim)):
        for name, person in people.items():
            code, answer = person.call("PATCH", f"{path}?fieldManager=test", body)
            assert (code in {200, 201}) == (name == owner[path]), (name, path, answer)
        for name, person in people.items():
            if name != ends[path]:
                assert person.call("DELETE", path)[0] == 403, (name, path)
    assert people[ends[claims]].call("DELETE", claims)[0] == 200


def test_a_granted_secret_is_read_by_who_packs_and_by_nobody_else(
    cluster: Cluster, kube: Kubectl, people, namespace: str
):
    for name in ("push", "other"):
        made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}
        assert cluster.server.call("POST", f"/api/v1/namespaces/{namespace}/secrets", made)[0] == 201
    shale = Path(sys.executable).parent / "shale"
    granted = subprocess.run(
        [shale, "grant", namespace, "push"], capture_output=True, text=True, timeout=60, check=True
    )
    kube.do("apply", "--filename", "-", stdin=granted.stdout)
    read = {
        name: {
            secret: person.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{secret}")[0]
            for secret in ("push", "other")
        }
        for name, person in people.items()
    }
    packs, others = {"push": 200, "other": 403}, {"push": 403, "other": 403}
    assert read == {name: packs if name in {"image-builder", "builder-sync"} else others for name in SERVICES}


@pytest.mark.parametrize("overlay", ["deploy/base", "deploy/kind", "tilt"])
def test_the_api_server_takes_all_that_is_deployed(kube: Kubectl, rendered, overlay: str, tmp_path: Path):
    """Strictly: no field that it does not know. The kinds are there already."""
    served = {line.split()[0] for line in kube.do("api-versions").splitlines()}
    objects = [_as_served(one, served) for one in rendered(overlay) if one["kind"] != "CustomResourceDefinition"]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(objects))
    said = kube.do("apply", "--dry-run=server", "--validate=strict", "--filename", str(tmp_path / "all.yaml"))
    assert len(said.splitlines()) == len(objects)


def _as_served(one: Tree, served: set[str]) -> Tree:
    """Return an object as an older server has it: budgets were v1beta1 before 1.21."""
    older = one["apiVersion"] == "policy/v1" and "policy/v1" not in served
    return {**one, "apiVersion": "policy/v1beta1"} if older else one


def test_a_misspelt_field_is_refused(kube: Kubectl, rendered, tmp_path: Path):
    (deployment,) = (
        one for one in rendered("deploy/base") if (one["kind"], one["metadata"]["name"]) == ("Deployment", "watcher")
    )
    deployment = msgspec.json.decode(msgspec.json.encode(deployment))
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 1
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(deployment))
    with pytest.raises(AssertionError, match="terminationGracePeriod"):
        kube.do("apply", "--dry-run=server", "--validate=strict", "--filename", str(tmp_path / "one.yaml"))


def test_the_sample_of_tilt_is_taken(kube: Kubectl):
    said = kube.do("apply", "--dry-run=server", "--filename", str(ROOT / "tilt/sample.yaml"), "--validate=false")
    assert "namespace/team-a" in said


@pytest.fixture
def no_secrets(kube: Kubectl) -> Iterator[None]:
    """Keep off a cluster where Shale is deployed: its Secrets are not ours to delete."""
    if "secret/shale-" in kube.do("get", "secrets", "--namespace", NAMESPACE, "--output", "name"):
        pytest.skip(f"{NAMESPACE} of this cluster has Shale's Secrets already: they were left alone")
    yield
    kube.do("delete", "secrets", "--namespace", NAMESPACE, "--selector", "app.kubernetes.io/part-of=shale")


@pytest.mark.usefixtures("no_secrets")
def test_secrets_are_drawn_once_and_shown_nowhere(cluster: Cluster, kube: Kubectl):
    def make() -> str:
        tool = [sys.executable, str(ROOT / "tools/cluster_secrets.py")]
        ran = subprocess.run(
            tool,
            env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def held() -> dict[str, Tree]:
        listed = cluster.server.call("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets")[1]["items"]
        return {one["metadata"]["name"]: one["data"] for one in listed if one["metadata"]["name"].startswith("shale-")}

    said, first = make(), held()
    assert set(first) == {
        "shale-reader",
        "shale-nats-init",
        "shale-nats-operator",
        *(f"shale-nats-{name}" for name in SERVICES),
    }
    values = [value for data in first.values() for value in data.values()]
    assert len(set(values)) == len(values)
    assert [value for value in values if value in said] == []
    kube.do("delete", "secret", "--namespace", NAMESPACE, "shale-nats-init")
    assert make().split() == ["secret/shale-nats-init", "created"]
    second = held()
    assert second.pop("shale-nats-init") != first.pop("shale-nats-init")
    assert second == first
    assert make() == ""


def test_without_a_cluster_the_secrets_are_not_made(tmp_path: Path):
    tool = [sys.executable, str(ROOT / "tools/cluster_secrets.py")]
    environ = {**os.environ, "KUBECONFIG": str(tmp_path / "none")}
    ran = subprocess.run(tool, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 1
    assert "the Secrets were not made" in ran.stderr
