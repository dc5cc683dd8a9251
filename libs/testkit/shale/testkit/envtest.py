"""etcd and kube-apiserver from the folder that controller-runtime's setup-envtest fills (KUBEBUILDER_ASSETS)."""

import json
import secrets
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Self

from shale.testkit import apiserver
from shale.testkit.certificates import Certificate, make
from shale.testkit.nats import free_port

UP_WITHIN = 120.0
"""Seconds in which the API server must answer; it takes 4 s on an idle machine."""


class Envtest:
    """One API server without controllers: nothing is collected, no namespace ends. A context manager."""

    def __init__(self, assets: Path, folder: Path) -> None:
        self._assets, self.folder = assets, folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    @property
    def kubeconfig(self) -> Path:
        """The file by which its administrator reaches it."""
        return self.folder / "kubeconfig"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        etcd, peer, port = (free_port() for _ in range(3))
        token = secrets.token_hex(16)
        certificate = make(self.folder)
        (self.folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        url = f"https://127.0.0.1:{port}"
        self.kubeconfig.write_text(json.dumps(apiserver.config(url, token, certificate.pem)))
        try:
            self._start("etcd", *_etcd(self.folder, etcd, peer))
            self._start("kube-apiserver", *_api_server(self.folder, certificate, etcd, port))
            self._ready(f"{url}/readyz", token, certificate)
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def down(self) -> None:
        """End both, the API server first."""
        for process in reversed(self._processes):
            process.kill()
            process.wait(10)
        self._processes.clear()
        self._stack.close()

    def _start(self, program: str, *arguments: str) -> None:
        log = self._stack.enter_context((self.folder / f"{program}.log").open("ab"))
        self._processes.append(subprocess.Popen([self._assets / program, *arguments], stdout=log, stderr=log))

    def _ready(self, url: str, token: str, certificate: Certificate) -> None:
        context = ssl.create_default_context(cadata=certificate.pem)
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 (our own)
        until = time.monotonic() + UP_WITHIN
        while time.monotonic() < until and all(process.poll() is None for process in self._processes):
            try:
                with urllib.request.urlopen(request, timeout=5, context=context):  # noqa: S310
                    return
            except (OSError, urllib.error.URLError):
                Event().wait(0.1)
        said = (self.folder / "kube-apiserver.log").read_text()[-600:]
        raise RuntimeError(f"kube-apiserver of {self._assets} did not come up: {said}")


def _etcd(folder: Path, port: int, peer: int) -> tuple[str, ...]:
    client, server = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    return (
        f"--data-dir={folder}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={server}",
        f"--initial-advertise-peer-urls={server}",
        f"--initial-cluster=default={server}",
    )


def _api_server(folder: Path, certificate: Certificate, etcd: int, port: int) -> tuple[str, ...]:
    return (
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={certificate.certificate}",
        f"--tls-private-key-file={certificate.key}",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={certificate.key}",
        f"--service-account-signing-key-file={certificate.key}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--disable-admission-plugins=ServiceAccount",
    )
