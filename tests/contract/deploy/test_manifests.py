"""What is deployed, as kustomize renders it: complete for the services there are, locked down, and of one piece."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from shale.runtime.installed import services

ROOT = Path(__file__).resolve().parents[3]
SERVICES = tuple(services())
OVERLAYS = ("deploy/base", "deploy/kind", "tilt")
USERS = re.findall(r"user: (\S+)\s+password: \$(\S+)", (ROOT / "deploy/base/nats/users.conf").read_text())
NATS = {"init", "operator", *SERVICES}

Tree = dict[str, Any]

every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
every_service = pytest.mark.parametrize("name", SERVICES)


def of(objects: list[Tree], kind: str, name: str) -> Tree:
    (found,) = (one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name)
    return found


def pods(objects: list[Tree]) -> Iterator[tuple[str, Tree]]:
    for one in objects:
        if one["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield one["metadata"]["name"], one["spec"]["template"]


def container_of(deployment: Tree) -> Tree:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container


def env(container: Tree) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container["env"]}


@every_overlay
@every_service
def test_a_service_has_all_that_it_runs_by(rendered, overlay: str, name: str):
    objects = rendered(overlay)
    deployment = of(objects, "Deployment", name)
    container = container_of(deployment)
    pod = deployment["spec"]["template"]
    assert container["args"] == [name]
    assert re.search(rf"(^|/)shale/{name}:", container["image"])
    assert pod["spec"]["serviceAccountName"] == of(objects, "ServiceAccount", name)["metadata"]["name"] == name
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == name, "the name by which it logs in to NATS"
    volumes = {one["name"]: one.get("secret", {}).get("secretName") for one in pod["spec"]["volumes"]}
    assert volumes["nats"] == f"shale-nats-{name}"
    assert name in dict(USERS)
    mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounted.keys() == volumes.keys()
    assert env(container)["SHALE_NATS_PASSWORD_FILE"] == f"{mounted['nats']}/password"
    budget = of(objects, "PodDisruptionBudget", name)
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


@every_overlay
@every_service
def test_a_service_is_probed_where_it_answers_and_has_time_to_hand_over(rendered, overlay: str, name: str):
    deployment = of(rendered(overlay), "Deployment", name)
    container = container_of(deployment)
    (port,) = (one for one in container["ports"] if one["name"] == "health")
    assert env(container)["SHALE_HEALTH_PORT"] == str(port["containerPort"])
    (host,) = (one for one in container["env"] if one["name"] == "SHALE_HEALTH_HOST")
    assert host["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}
    paths = {probe: container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {probe: (one["path"], one["port"]) for probe, one in paths.items()} == {
        "startupProbe": ("/live", "health"),
        "livenessProbe": ("/live", "health"),
        "readinessProbe": ("/ready", "health"),
    }
    drain = float(env(container)["SHALE_DRAIN_SECONDS"])
    # short work ends, long work is told to stop, then the bus is flushed and closed (2 s each)
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= drain + 10


@every_overlay
def test_nothing_is_deployed_of_a_service_that_is_not_there(rendered, overlay: str):
    objects = rendered(overlay)
    labelled = {
        one["metadata"]["name"]
        for one in objects
        if one["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "service"
        if one["kind"] == "Deployment"
    }
    assert labelled == set(SERVICES)
    assert dict(USERS).keys() == NATS


@every_overlay
def test_every_image_is_pinned_to_a_version(rendered, overlay: str):
    images = [one["image"] for _, pod in pods(rendered(overlay)) for one in pod["spec"]["containers"]]
    assert len(images) >= len(SERVICES) + 2
    assert [image for image in images if not re.search(r":[\w.-]+$", image) or image.endswith(":latest")] == []


@every_overlay
def test_the_readers_image_is_builder_syncs(rendered, overlay: str):
    objects = rendered(overlay)
    reader = env(container_of(of(objects, "Deployment", "storage-provisioner")))["SHALE_READER_IMAGE"]
    assert reader == container_of(of(objects, "Deployment", "builder-sync"))["image"]


@every_overlay
def test_every_pod_is_restricted(rendered, overlay: str):
    """Pod Security's `restricted`, which the namespace enforces, and a read-only root besides (Tilt copies into it)."""
    objects = rendered(overlay)
    assert (
        of(objects, "Namespace", "shale-system")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        == "restricted"
    )
    for name, pod in pods(objects):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["securityContext"]["runAsUser"], name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}, name
        assert spec["enableServiceLinks"] is False, name
        assert not any("hostPath" in volume for volume in spec.get("volumes", ())), name
        for one in spec["containers"]:
            context = one["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert context["readOnlyRootFilesystem"] or overlay == "tilt", name
            assert {"cpu", "memory"} <= one["resources"]["requests"].keys(), name
            assert "memory" in one["resources"]["limits"], name


@every_overlay
def test_only_services_have_a_token_of_the_api_server(rendered, overlay: str):
    with_token = {
        name for name, pod in pods(rendered(overlay)) if pod["spec"].get("automountServiceAccountToken", True)
    }
    assert with_token == set(SERVICES)


@every_overlay
def test_secrets_are_named_and_never_held(rendered, overlay: str):
    objects = rendered(overlay)
    assert [one for one in objects if one["kind"] == "Secret"] == []
    named = {
        volume["secret"]["secretName"]
        for _, pod in pods(objects)
        for volume in pod["spec"].get("volumes", ())
        if "secret" in volume
    }
    named |= {
        one["valueFrom"]["secretKeyRef"]["name"]
        for _, pod in pods(objects)
        for container in pod["spec"]["containers"]
        for one in container.get("env", ())
        if "secretKeyRef" in one.get("valueFrom", {})
    }
    assert named == {"shale-reader", *(f"shale-nats-{user}" for user in NATS)}


@every_overlay
def test_nats_has_the_password_of_every_user(rendered, overlay: str):
    container = container_of(of(rendered(overlay), "StatefulSet", "nats"))
    given = {
        one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if "secretKeyRef" in one["valueFrom"]
    }
    assert given == {variable: {"name": f"shale-nats-{user}", "key": "password"} for user, variable in USERS}


@pytest.mark.parametrize(("overlay", "replicas"), [("deploy/base", 3), ("deploy/kind", 1)])
def test_nats_has_as_many_servers_as_streams_have_copies(rendered, overlay: str, replicas: int):
    objects = rendered(overlay)
    nats = of(objects, "StatefulSet", "nats")
    assert nats["spec"]["replicas"] == replicas
    assert container_of(of(objects, "Job", "shale-init"))["args"] == ["init", "--replicas", str(replicas)]
    (config,) = (one["data"]["nats.conf"] for one in objects if one["metadata"]["name"].startswith("nats-config-"))
    peers = [f"nats://nats-{number}.nats-peers:6222" for number in range(replicas)] if replicas > 1 else []
    assert re.findall(r"nats://nats-\S+", config) == peers
    assert "sync_interval: always" in config


@pytest.mark.parametrize("overlay", ["deploy/base", "deploy/kind"])
def test_nats_server_takes_its_config(rendered, overlay: str, tmp_path: Path):
    (config,) = (one["data"] for one in rendered(overlay) if one["metadata"]["name"].startswith("nats-config-"))
    for name, text in config.items():
        (tmp_path / name).write_text(text)
    program = Path(sys.executable).parent / "nats-server"
    passwords = {variable: "p0123" for _, variable in USERS}
    environ = {**os.environ, **passwords, "SHALE_SERVER": "nats-0"}
    tried = [program, "-t", "-c", tmp_path / "nats.conf"]
    said = subprocess.run(tried, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert "is valid" in said.stderr, said.stderr
    del environ[USERS[0][1]]
    assert subprocess.run(tried, env=environ, capture_output=True, timeout=60, check=False).returncode, "no password"


@every_overlay
def test_ports_and_policies_name_what_there_is(rendered, overlay: str):
    objects = rendered(overlay)
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(objects)}
    ports = {
        name: {one["name"] for container in pod["spec"]["containers"] for one in container.get("ports", ())}
        for name, pod in pods(objects)
    }
    for service in (one for one in objects if one["kind"] == "Service"):
        chosen = [name for name in labels if service["spec"]["selector"].items() <= labels[name].items()]
        assert len(chosen) == 1, service["metadata"]["name"]
        assert {one["targetPort"] for one in service["spec"]["ports"]} <= ports[chosen[0]]
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    assert any(one["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} for one in policies)
    for policy in policies:
        assert any(_chosen(policy["spec"]["podSelector"], one) for one in labels.values()), policy["metadata"]["name"]


def _chosen(selector: Tree, labels: dict[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        one["operator"] == "In" and labels.get(one["key"]) in one["values"]
        for one in selector.get("matchExpressions", ())
    )


def test_an_overlay_lets_services_out_to_an_api_server_elsewhere_as_the_policies_page_says(kubectl, tmp_path: Path):
    comments = re.findall(r"^#  (.*)", (ROOT / "deploy/base/network.yaml").read_text(), re.MULTILINE)
    shown = yaml.safe_load("\n".join(comments))
    base = os.path.relpath(ROOT / "deploy/base", tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [base], **shown}))
    objects = yaml.safe_load_all(kubectl(Path(os.devnull)).do("kustomize", str(tmp_path)))
    (policy,) = (one for one in objects if one["metadata"]["name"] == "to-the-world")
    assert [one["port"] for one in policy["spec"]["egress"][0]["ports"]] == [443, 6443, 16443]


def test_two_watchers_stand_ready_and_the_pool_scales(rendered):
    objects = rendered("deploy/base")
    assert of(objects, "Deployment", "watcher")["spec"]["replicas"] == 2
    assert of(objects, "Deployment", "builder-sync")["spec"]["replicas"] >= 2
