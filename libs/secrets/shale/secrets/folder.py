"""Secrets of a laptop: `<root>/<namespace>/<name>.yaml`, each the manifest that `kubectl apply` would take.

    kubectl create secret docker-registry push --docker-server=... --dry-run=client -o yaml

writes one; it needs the label and annotations that it would need in a cluster, and a file mode of 600.
"""

import os
import stat
from pathlib import Path

from shale.secrets import manifest, names, rules
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Forbidden, Malformed, Missing, Refused, Secret

MOST = 2**21
"""Bytes of a manifest: a Secret holds at most 1 MiB (Kubernetes, `MaxSecretSize`), a third more in base64."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FolderSecrets:
    """The Secrets below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, namespace: str, name: str) -> Secret | Refused:
        """Return a Secret that is labelled for use; its file must be its owner's alone."""
        if missing := names.impossible(namespace, name):
            return missing
        path = self.root / namespace / f"{name}.yaml"
        try:
            held = os.open(path, _FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            return Missing(f"Secret {namespace}/{name} is not there: write its manifest to {path}, mode 600")
        except PermissionError:
            return Forbidden(f"Secret {namespace}/{name}: {path} cannot be opened: it must be this user's")
        except OSError as error:
            return Malformed(f"Secret {namespace}/{name}: {path} cannot be opened ({error.strerror}): is it a file?")
        try:
            return _refusal(os.fstat(held), path) or _read(held, path, namespace, name)
        finally:
            os.close(held)


def _refusal(status: os.stat_result, path: Path) -> Refused | None:
    """Return what is wrong with a file, before a byte of it is read."""
    if not stat.S_ISREG(status.st_mode):
        return Malformed(f"{path} is no file")
    if status.st_uid not in {os.geteuid(), 0}:
        return Forbidden(f"{path} belongs to another user: it must be this user's")
    if status.st_mode & _OTHERS:
        return Forbidden(f"{path} can be read by others: chmod 600 {path}")
    return None


def _read(held: int, path: Path, namespace: str, name: str) -> Secret | Refused:
    with os.fdopen(held, "rb", closefd=False) as file:
        text = Hidden(file.read(MOST + 1))
    if len(text.reveal()) > MOST:
        return Malformed(f"{path} is larger than {MOST} bytes: that is no Secret")
    import yaml  # noqa: PLC0415 (a command that needs no Secret does not wait for it)

    try:
        tree = yaml.safe_load(text.reveal())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:  # it quotes what it cannot read
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        return Malformed(f"{path} is not YAML{f' (line {mark.line + 1})' if mark else ''}")
    secret = manifest.read(tree, namespace, name)
    return rules.used(secret) if isinstance(secret, Secret) else secret
