"""Simulators of the door to credentials: one in memory, and an API server that knows Secrets and nothing else."""

import base64
from typing import Any

from shale.secrets import manifest, names, rules
from shale.secrets.secret import Forbidden, Missing, Refused, Secret
from shale.testkit.loopback import Reply, Request, reply

Manifest = dict[str, Any]
TOKEN = "token-of-this-pod"  # noqa: S105 (of a simulated pod)


def docker_secret(host: str, user: str, password: str, name: str = "push", namespace: str = "team-a") -> Manifest:
    """Return a Secret as `kubectl create secret docker-registry` makes it, labelled for use."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    config = f'{{"auths": {{"{host}": {{"auth": "{auth}"}}}}}}'
    return opaque({".dockerconfigjson": config}, name, namespace) | {"type": "kubernetes.io/dockerconfigjson"}


def opaque(data: dict[str, str], name: str = "push", namespace: str = "team-a", hosts: str = "") -> Manifest:
    """Return a Secret of plain keys, labelled for use, for the hosts of the annotation."""
    meta = {"name": name, "namespace": namespace, "labels": {rules.USE: "true"}}
    annotations = {"annotations": {rules.HOSTS: hosts}} if hosts else {}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {**meta, **annotations}, "data": encoded}


class MemorySecrets:
    """The door over a dict."""

    def __init__(self, *manifests: Manifest) -> None:
        self.held: dict[tuple[str, str], Manifest] = {}
        self.forbidden = set[tuple[str, str]]()
        for one in manifests:
            self.put(one)

    def put(self, tree: Manifest) -> None:
        """Create or replace a Secret."""
        self.held[tree["metadata"]["namespace"], tree["metadata"]["name"]] = tree

    def get(self, namespace: str, name: str) -> Secret | Refused:
        """Return a Secret that is labelled for use."""
        if missing := names.impossible(namespace, name):
            return missing
        if (namespace, name) in self.forbidden:
            return Forbidden(f"Secret {namespace}/{name} may not be read: the test says so")
        if (namespace, name) not in self.held:
            return Missing(f"Secret {namespace}/{name} is not there")
        secret = manifest.read(self.held[namespace, name], namespace, name)
        return rules.used(secret) if isinstance(secret, Secret) else secret


class SecretsApi:
    """As much of an API server as one GET of a Secret needs: `answer` is for a `Loopback`."""

    def __init__(self, secrets: MemorySecrets) -> None:
        self.secrets, self.token = secrets, TOKEN

    def answer(self, request: Request) -> Reply:
        """Answer as the API server does: who are you, may you, is it there."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _status(401, "Unauthorized")
        match request.path.split("/"):
            case ["", "api", "v1", "namespaces", namespace, "secrets", name] if request.method == "GET":
                return self._get(namespace, name)
            case _:
                return _status(404, "NotFound")

    def _get(self, namespace: str, name: str) -> Reply:
        if (namespace, name) in self.secrets.forbidden:
            return _status(403, "Forbidden")
        found = self.secrets.held.get((namespace, name))
        return reply(found) if found else _status(404, "NotFound")


def _status(code: int, reason: str) -> Reply:
    return reply({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}, code)
