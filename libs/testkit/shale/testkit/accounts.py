"""Services as the API server knows them: each by its own ServiceAccount, with the rights that are deployed."""

from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

import yaml

from shale.testkit.apiserver import ApiServer
from shale.testkit.house import House

_HOUR = 3600


def login_as(kubeconfig: Path, namespace: str, name: str, folder: Path) -> Path:
    """Write, of an administrator's kubeconfig, that of a service: with its own ServiceAccount's token."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": _HOUR}}
    code, answer = ApiServer(kubeconfig).call("POST", path, wanted)
    if code != 201:  # noqa: PLR2004 (HTTP)
        raise AssertionError(f"no token for {name}: {answer.get('message')}")
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = {"token": answer["status"]["token"]}
    made = folder / f"{name}-{token_hex(4)}"
    made.write_text(yaml.safe_dump(config))
    return made


class AccountedHouse(House):
    """A house whose services come to a cluster each as itself; `logins` are their kubeconfigs, by service."""

    def __init__(self, folder: Path, logins: Mapping[str, Path], environ: Mapping[str, str]) -> None:
        super().__init__(folder, environ=environ)
        self._logins = logins

    def environ_of(self, name: str) -> Mapping[str, str]:
        """Return the environment of a service's processes, with its own kubeconfig if it has one."""
        login = self._logins.get(name)
        return {**self.environ, "SHALE_KUBECONFIG": str(login)} if login else self.environ
