"""Which cluster a process works on: the one that it is told, else the one whose pod it is, else none."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

NONE = "none"
"""The kubeconfig of who wants no cluster, not even the one whose pod it is."""
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"


class Place(msgspec.Struct, frozen=True):
    """A cluster by a kubeconfig; by the pod's own account where that is empty."""

    kubeconfig: str = ""


def cluster(kubeconfig: str, environ: Mapping[str, str], account: str = ACCOUNT) -> Place | None:
    """Return the cluster, or None: resources are embedded. Raises ValueError when the kubeconfig is not there."""
    if kubeconfig == NONE:
        return None
    if kubeconfig:
        path = Path(kubeconfig).expanduser()
        if not path.is_file():
            raise ValueError(f"SHALE_KUBECONFIG={kubeconfig}: there is no such file")
        return Place(str(path))
    return Place() if environ.get("KUBERNETES_SERVICE_HOST") and Path(account).is_file() else None
