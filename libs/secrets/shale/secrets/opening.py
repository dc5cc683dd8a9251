"""Which door to credentials a process has: a folder that it is told, else its cluster's, else none."""

from collections.abc import Mapping
from pathlib import Path

from shale.secrets.cluster import ClusterSecrets, of_pod
from shale.secrets.folder import FolderSecrets
from shale.secrets.secret import Missing, Refused, Secret, Secrets


class NoSecrets:
    """The door of a process that has none: it says how to get one."""

    def get(self, namespace: str, name: str) -> Secret | Refused:
        """Return that there is no Secret."""
        return Missing(f"Secret {namespace}/{name} is not there: this is no pod, and SHALE_SECRETS_DIR names no folder")


def open_secrets(folder: str, environ: Mapping[str, str]) -> Secrets:
    """Return the door; `folder` is the setting SHALE_SECRETS_DIR, empty when it is not set."""
    if folder:
        return FolderSecrets(Path(folder))
    api = of_pod(environ)
    return ClusterSecrets(api) if api else NoSecrets()
