"""Pytest fixtures: one Kubernetes cluster for a run of tests, fresh namespaces in it, and testbeds of a test's own."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from threading import Event
from typing import NoReturn

import msgspec
import pytest
import yaml

from shale.contracts.resources import GROUP, KINDS, VERSION
from shale.testkit import clusters, testbed
from shale.testkit.apiserver import ApiServer, Tree
from shale.testkit.testbed import Mode, Testbed

CRDS = Path(__file__).resolve().parents[4] / "deploy" / "crds"
SERVED_WITHIN = 60.0
_CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Cluster(msgspec.Struct, frozen=True):
    """A cluster with our kinds: `kubeconfig` is its administrator's, `server` a client of it."""

    kubeconfig: Path
    server: ApiServer

    @property
    def has_namespaces(self) -> bool:
        """Whether there are core kinds; custom resources alone need no namespace to be there."""
        return self.server.call("GET", "/api/v1/namespaces/default")[0] == 200  # noqa: PLR2004 (HTTP)

    def make_namespace(self, name: str) -> None:
        """Make a namespace where there are such."""
        made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        code, answer = self.server.call("POST", "/api/v1/namespaces", made)
        if code not in {201, 404, 409}:
            raise AssertionError(f"no namespace {name}: {answer.get('message')}")

    def end_namespace(self, name: str) -> None:
        """Begin to delete a namespace with all that is in it."""
        self.server.call("DELETE", f"/api/v1/namespaces/{name}")


def ready(kubeconfig: Path) -> Cluster:
    """Return the cluster, with our CRDs installed and served."""
    server = ApiServer(kubeconfig)
    new = [_install(server, yaml.safe_load(path.read_text())) for path in sorted(CRDS.glob("*.yaml"))]
    until_served(server)
    bed = testbed.beside(kubeconfig)
    if bed is not None and any(new) and server.call("GET", "/api/v1/namespaces/default")[0] != 404:  # noqa: PLR2004 (HTTP)
        bed.routed(GROUP)
        bed.restart("controller-manager")  # or it would take 45 s until it collects what is of our kinds
    return Cluster(kubeconfig, server)


def until_served(server: ApiServer) -> None:
    """Return when every kind of ours can be listed."""
    for kind in KINDS.values():
        for _ in range(int(SERVED_WITHIN / 0.05)):
            if server.call("GET", f"/apis/{GROUP}/{VERSION}/{kind.plural}?limit=1")[0] == 200:  # noqa: PLR2004 (HTTP)
                break
            Event().wait(0.05)
        else:
            raise AssertionError(f"{kind.plural} are not served after {SERVED_WITHIN:g} s")


def _install(server: ApiServer, tree: Tree) -> bool:
    """Apply a CRD and say whether it is new."""
    path = f"{_CRD_PATH}/{tree['metadata']['name']}"
    known = server.call("GET", path)[0] == 200  # noqa: PLR2004 (HTTP)
    server.apply(path, tree)
    return not known


def missing(why: str) -> NoReturn:
    """End a test that has no cluster: skipped with a loud line, failed under CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Return the cluster of this run: all its processes share one. It goes when the last of them ends."""
    spread = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder, owner = (base.parent if spread else base) / "cluster", os.getppid() if spread else os.getpid()

    def make() -> Generator[Path | None]:
        with clusters.found(folder, owner) as kubeconfig:
            yield ready(kubeconfig).kubeconfig if kubeconfig else None

    stack = ExitStack()
    request.config.add_cleanup(stack.close)  # not a tear-down of the last test, which has a time-out
    kubeconfig = stack.enter_context(clusters.shared(folder, make))
    if kubeconfig is None:
        missing(clusters.NONE)
    return Cluster(kubeconfig, ApiServer(kubeconfig))


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """Return a namespace of the shared cluster that no other test has."""
    name = f"team-{token_hex(4)}"
    cluster.make_namespace(name)
    yield name
    cluster.end_namespace(name)


@contextmanager
def bed_of_ones_own(folder: Path, mode: Mode = "crd") -> Generator[Testbed]:
    """Run a testbed with our kinds while this is entered; without one the test is skipped, and under CI=true fails."""
    if not testbed.SCRIPT.exists():
        missing("NO TESTBED OF ONE'S OWN: put shared/kube/testbed beside the repository; faults were not tested")
    with Testbed(folder / "bed", mode) as bed:
        ready(bed.kubeconfig)
        yield bed


@pytest.fixture
def own_bed(tmp_path: Path) -> Iterator[Testbed]:
    """Run a testbed for one test: to be paused, killed or emptied."""
    with bed_of_ones_own(tmp_path) as bed:
        yield bed
