"""Secrets of a cluster: one GET each, with the pod's own token. There is no list, no watch and no cache.

Kubernetes documentation, "Accessing the Kubernetes API from a Pod": address, token and authority lie where every pod
finds them; the token is replaced before its hour is over, so that the file is read every time.
"""

import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import msgspec

from shale.contracts.errors import Transient
from shale.secrets import manifest, names, rules, wire
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Forbidden, Malformed, Missing, Refused, Secret

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Api(msgspec.Struct, frozen=True):
    """Where an API server is, who it must be, and who we are; without `ca_file` the system's authorities count."""

    url: str
    token_file: Path
    ca_file: Path | None = None


def of_pod(environ: Mapping[str, str], account: Path = ACCOUNT) -> Api | None:
    """Return the API server of the cluster that this process is a pod of; None outside of any."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        return None
    name = f"[{host}]" if ":" in host else host
    return Api(f"https://{name}:{port}", account / "token", account / "ca.crt")


class ClusterSecrets:
    """The Secrets that a Role names: see `grant`."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def get(self, namespace: str, name: str) -> Secret | Refused:
        """Return a Secret that is labelled for use; a token that is not known (any more) is read once more."""
        if missing := names.impossible(namespace, name):
            return missing
        url = f"{self.api.url}/api/v1/namespaces/{namespace}/secrets/{name}"
        answer = self._ask(url)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            answer = self._ask(url)
        return _meant(answer, namespace, name)

    def _ask(self, url: str) -> wire.Answer:
        token = Hidden(f"Bearer {_read(self.api.token_file).strip()}")
        return wire.exchange("GET", url, {"Authorization": token, "Accept": "application/json"}, tls=self._tls())

    def _tls(self) -> ssl.SSLContext | None:
        if self.api.ca_file is None or not self.api.url.startswith("https:"):
            return None
        try:
            return ssl.create_default_context(cadata=_read(self.api.ca_file))
        except ssl.SSLError as error:
            raise Transient(f"{self.api.ca_file} holds no certificate: {error.reason}") from None


def _meant(answer: wire.Answer, namespace: str, name: str) -> Secret | Refused:
    whose = f"Secret {namespace}/{name}"
    match answer.status:
        case HTTPStatus.OK:
            return _secret(answer.body, namespace, name)
        case HTTPStatus.UNAUTHORIZED:
            return Forbidden(f"{whose}: the API server does not know this pod's token: has its service account gone?")
        case HTTPStatus.FORBIDDEN:
            return Forbidden(f"{whose} may not be read: shale grant {namespace} {name} | kubectl apply -f -")
        case HTTPStatus.NOT_FOUND:
            return Missing(f"{whose} is not there: create it in the namespace {namespace}")
        case status:
            raise RuntimeError(f"{whose}: the API server answered {status} to a GET, which no API server does")


def _secret(body: Hidden[bytes], namespace: str, name: str) -> Secret | Refused:
    try:
        tree = msgspec.json.decode(body.reveal())
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Malformed(f"Secret {namespace}/{name}: the API server's answer is not JSON")
    secret = manifest.read(tree, namespace, name)
    return rules.used(secret) if isinstance(secret, Secret) else secret


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
    raise Transient(f"{path} cannot be read: {why}")
