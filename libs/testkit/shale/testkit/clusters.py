"""Which Kubernetes cluster the tests have, and how one run of them shares it.

The first of: the one that SHALE_TEST_KUBECONFIG names, an envtest folder in KUBEBUILDER_ASSETS, the testbed beside the
repository, k3s where Docker answers.
"""

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import IO

from testcontainers.community.k3s import K3SContainer

from shale.testkit import containers, testbed
from shale.testkit.envtest import Envtest
from shale.testkit.testbed import Testbed

K3S = "rancher/k3s:v1.34.1-k3s1"
LEAVE_WITHIN = 300.0
"""Seconds that who started a cluster waits for the others to be through with it."""

NONE = (
    "NO KUBERNETES CLUSTER: set SHALE_TEST_KUBECONFIG or KUBEBUILDER_ASSETS, put shared/kube/testbed beside the"
    " repository, or start Docker; nothing was proven on a cluster"
)


@contextmanager
def found(folder: Path, owner: int) -> Generator[Path | None]:
    """Start the first cluster there is below `folder`, for as long as this is entered; None: there is none."""
    given, assets = os.environ.get("SHALE_TEST_KUBECONFIG"), os.environ.get("KUBEBUILDER_ASSETS")
    if given:
        yield Path(given)
    elif assets:
        with Envtest(Path(assets), folder / "envtest") as envtest:
            yield envtest.kubeconfig
    elif testbed.SCRIPT.exists():
        with Testbed(folder / "bed", "both", owner) as bed:
            yield bed.kubeconfig
    elif not containers.lacks(K3S):
        with K3SContainer(K3S) as k3s:
            (folder / "kubeconfig").write_text(k3s.config_yaml())
            yield folder / "kubeconfig"
    else:
        yield None


@contextmanager
def shared(folder: Path, make: Callable[[], Generator[Path | None]]) -> Generator[Path | None]:
    """Yield what the first process to come made; it is ended by who made it, once nobody uses it any more.

    `make` is a generator that yields once. Whoever uses it holds a lock, which the kernel frees when it is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("a") as users:
        maker = _join(folder, users, make)
        said = (folder / "kubeconfig.path").read_text()
        try:
            yield Path(said) if said else None
        finally:
            if maker is not None:
                with suppress(FileNotFoundError):  # who cleans up after a run may have taken the folder
                    _leave(folder, users)
                next(maker, None)


def _join(folder: Path, users: IO[str], make: Callable[[], Generator[Path | None]]) -> Generator[Path | None] | None:
    maker = None
    with _locked(folder):
        if not (folder / "kubeconfig.path").exists():
            maker = make()
            (folder / "kubeconfig.path").write_text(str(next(maker) or ""))
        fcntl.flock(users, fcntl.LOCK_SH)
    return maker


def _leave(folder: Path, users: IO[str]) -> None:
    """Wait until nobody else uses it, and let nobody join any more."""
    until = time.monotonic() + LEAVE_WITHIN
    while True:
        with _locked(folder):
            if _alone(users) or time.monotonic() > until:
                (folder / "kubeconfig.path").unlink()
                return
        Event().wait(0.1)


def _alone(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
