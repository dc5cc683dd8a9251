"""The Tiltfile, read by a Starlark interpreter that knows Tilt's builtins by their signatures."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import starlark as sl
import yaml

from shale.runtime.installed import services

ROOT = Path(__file__).resolve().parents[3]
SERVICES = tuple(services())
EXTENSION = "ext://restart_process"


class Tilt:
    """What Tilt would be told: each call of a builtin, with its arguments by name. Unknown arguments are refused."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def of(self, name: str) -> list[dict[str, Any]]:
        return [told for called, told in self.calls if called == name]

    def load(self, path: Path) -> sl.FrozenModule:
        module = self._module(path)
        dialect = sl.Dialect.extended()
        dialect.enable_f_strings = False  # Tilt's has none
        ast = sl.parse(str(path), path.read_text(), dialect=dialect)
        sl.eval(module, ast, self._globals(), sl.FileLoader(self._loaded))
        return module.freeze()

    def _loaded(self, name: str) -> sl.FrozenModule:
        if name == EXTENSION:
            module = sl.Module()
            module.add_callable("docker_build_with_restart", self._noted(docker_build_with_restart))
            return module.freeze()
        return self.load((ROOT / name).resolve())

    def _module(self, path: Path) -> sl.Module:
        module = sl.Module()
        module["__file__"] = str(path)
        module["TRIGGER_MODE_MANUAL"] = "manual"
        for name, function in {"_dirname": os.path.dirname, "_basename": os.path.basename}.items():
            module.add_callable(name, function)
        for builtin in BUILTINS:
            module.add_callable(builtin.__name__, self._noted(builtin))
        prelude = "os = struct(path = struct(dirname = _dirname, basename = _basename))"
        sl.eval(module, sl.parse("prelude", prelude), self._globals())
        return module

    @staticmethod
    def _globals() -> sl.Globals:
        return sl.Globals.extended_by([sl.LibraryExtension.StructType])

    def _noted(self, builtin: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            told = inspect.signature(builtin).bind(*given, **named).arguments
            self.calls.append((builtin.__name__, dict(told)))
            return builtin(*given, **named)

        return call


# As docs.tilt.dev/api.html has them, with the arguments that are used or near.
def allow_k8s_contexts(contexts): ...
def watch_file(file_path): ...
def local(command, quiet=False, env=None, stdin=None): ...
def k8s_yaml(yaml, allow_duplicates=False): ...
def k8s_resource(
    workload="", new_name="", port_forwards=(), trigger_mode="", resource_deps=(), objects=(), auto_init=True, labels=()
): ...
def local_resource(
    name,
    cmd="",
    deps=None,
    trigger_mode="",
    resource_deps=(),
    auto_init=True,
    env=None,
    serve_cmd="",
    labels=(),
): ...
def docker_build(
    ref,
    context,
    build_args=None,
    dockerfile="",
    live_update=(),
    match_in_env_vars=False,
    ignore=(),
    only=(),
    entrypoint=(),
    target="",
    container_args=None,
): ...
def docker_build_with_restart(
    ref,
    context,
    entrypoint,
    live_update,
    base_suffix="",
    restart_file="",
    trigger=(),
    build_args=None,
    dockerfile="",
    match_in_env_vars=False,
    ignore=(),
    only=(),
    target="",
    container_args=None,
): ...
def kustomize(pathToDir):  # noqa: N803
    return f"kustomized {pathToDir}"


def sync(local_path, remote_path):
    return {"sync": local_path, "to": remote_path}


def fall_back_on(files):
    return {"fall_back_on": files}


BUILTINS = (
    *(allow_k8s_contexts, watch_file, local, k8s_yaml, k8s_resource, local_resource, docker_build),
    *(kustomize, sync, fall_back_on),
)


@pytest.fixture(scope="module")
def tilt() -> Tilt:
    told = Tilt()
    told.load(ROOT / "Tiltfile")
    return told


def test_the_tiltfile_is_a_table_of_contents_with_one_line_per_service():
    lines = [line for line in (ROOT / "Tiltfile").read_text().splitlines() if line.startswith("service(")]
    assert sorted(lines) == [f"service('{name}')" for name in SERVICES]


def test_it_deploys_to_kind_only_after_namespace_and_secrets_are_there(tilt: Tilt):
    assert tilt.of("allow_k8s_contexts") == [{"contexts": "kind-shale"}]
    assert yaml.safe_load((ROOT / "deploy/kind/cluster.yaml").read_text())["name"] == "shale"
    order = [name for name, _ in tilt.calls]
    assert order.index("local") < order.index("k8s_yaml")
    first, second = (call["command"] for call in tilt.of("local"))
    assert first[-1] == str(ROOT / "deploy/base/namespace.yaml")
    assert second[1] == str(ROOT / "tools/cluster_secrets.py")
    assert tilt.of("k8s_yaml") == [{"yaml": f"kustomized {ROOT}/tilt"}]


def test_every_path_it_names_is_there(tilt: Tilt):
    builds = [*tilt.of("docker_build"), *tilt.of("docker_build_with_restart")]
    named = [build["dockerfile"] for build in builds]
    named += [f"{build['context']}/{path}" for build in builds for path in build["only"]]
    named += [part for call in tilt.of("local") for part in call["command"] if part.startswith("/")]
    named += [call["file_path"] for call in tilt.of("watch_file")]
    named += [call["local_path"] for call in tilt.of("sync")]
    named += [path for call in tilt.of("fall_back_on") for path in call["files"]]
    named += [part for call in tilt.of("local_resource") for part in call["cmd"] if part.startswith("/")]
    assert len(named) > 20
    assert [path for path in named if not Path(path).exists()] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_built_live_and_updated_where_its_sources_change(tilt: Tilt, name: str):
    (build,) = (one for one in tilt.of("docker_build_with_restart") if one["ref"] == f"shale/{name}")
    assert (build["build_args"], build["target"]) == ({"NAME": name}, "live")
    synced = [(step["sync"], step["to"]) for step in build["live_update"] if "sync" in step]
    assert synced == [
        (str(ROOT / "libs"), "/src/libs"),
        (str(ROOT / "services" / name), f"/src/services/{name}"),
    ]
    first = build["live_update"][0]
    assert "fall_back_on" in first, "Tilt wants it first"


def test_targets_are_stages_of_the_dockerfile(tilt: Tilt):
    lines = (ROOT / "deploy/images/service.Dockerfile").read_text().splitlines()
    stages = {line.rpartition(" AS ")[2] for line in lines if line.startswith("FROM ")}
    wanted = {build["target"] for build in [*tilt.of("docker_build"), *tilt.of("docker_build_with_restart")]}
    assert wanted == {"live", "command"}
    assert wanted < stages


def test_what_is_built_and_what_is_a_resource_is_what_is_deployed(tilt: Tilt, rendered):
    objects = rendered("tilt")
    workloads = [one for one in objects if one["kind"] in {"Deployment", "StatefulSet", "Job"}]
    images = {
        container["image"].rpartition(":")[0]
        for one in workloads
        for container in one["spec"]["template"]["spec"]["containers"]
    }
    built = {call["ref"] for name in ("docker_build", "docker_build_with_restart") for call in tilt.of(name)}
    assert built == images - {"nats", "registry"}
    assert {call["workload"] for call in tilt.of("k8s_resource")} == {one["metadata"]["name"] for one in workloads}
    waited = {name for call in tilt.of("k8s_resource") for name in call.get("resource_deps", ())}
    assert waited <= {call["workload"] for call in tilt.of("k8s_resource")}
