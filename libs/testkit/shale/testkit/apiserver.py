"""As much of an HTTP client as it takes to be an API server's administrator; blocking, standard library only."""

import base64
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

Tree = dict[str, Any]

_TYPES = {"PATCH": "application/apply-patch+yaml"}


class ApiServer:
    """One API server, by the first cluster and user of its kubeconfig."""

    def __init__(self, kubeconfig: Path | str) -> None:
        config = yaml.safe_load(Path(kubeconfig).read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.url: str = cluster["server"]
        self.authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=self.authority)
        self._token = user.get("token", "")
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile() as both:
                both.write(
                    base64.b64decode(user["client-key-data"]) + base64.b64decode(user["client-certificate-data"])
                )
                both.flush()
                self._tls.load_cert_chain(both.name)

    def call(self, method: str, path: str, body: Tree | None = None) -> tuple[int, Tree]:
        """Return the status code and the answer. Raises OSError when there is none."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": _TYPES.get(method, "application/json")}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self.url + path, sent, headers, method=method)  # noqa: S310 (our own server)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, _tree(error.read())

    def apply(self, path: str, tree: Tree) -> Tree:
        """Apply a manifest at its own path; AssertionError when the server does not take it."""
        code, answer = self.call("PATCH", f"{path}?fieldManager=test&force=true", tree)
        if code not in {200, 201}:
            raise AssertionError(f"the API server refuses {path}: {answer.get('message')}")
        return answer


def config(url: str, token: str, authority: str = "") -> Tree:
    """Return a kubeconfig of one cluster and one user; `authority` is PEM."""
    trusted = {"certificate-authority-data": base64.b64encode(authority.encode()).decode()} if authority else {}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "clusters": [{"name": "test", "cluster": {"server": url, **trusted}}],
    }


def _tree(body: bytes) -> Tree:
    try:
        return json.loads(body)
    except ValueError:
        return {"message": body.decode(errors="replace")}
