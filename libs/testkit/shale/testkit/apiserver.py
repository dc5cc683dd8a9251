"""A real API server: SHALE_TEST_KUBECONFIG, else the testbed that lies beside the repository in `shared/kube`."""

import base64
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

TESTBED = Path(__file__).resolve().parents[5] / "shared" / "kube" / "testbed"
START_WITHIN, END_WITHIN = 100.0, 60.0
LIVES = 3600
"""Seconds after which it ends by itself, should nobody be left to end it."""

Tree = dict[str, Any]


class ApiServer:
    """As much of an HTTP client as it takes to be its administrator."""

    def __init__(self, kubeconfig: str) -> None:
        config = yaml.safe_load(Path(kubeconfig).read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.url: str = cluster["server"]
        self.authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=self.authority)
        self._token = user["token"]

    def call(self, method: str, path: str, body: Tree | None = None) -> tuple[int, Tree]:
        """Return the status code and the answer."""
        sent = None if body is None else json.dumps(body).encode()
        kind = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        request = urllib.request.Request(self.url + path, sent, headers, method=method)  # noqa: S310 (our own server)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def apply(self, path: str, tree: Tree) -> Tree:
        """Apply a manifest at its own path; AssertionError when the server does not take it."""
        code, answer = self.call("PATCH", f"{path}?fieldManager=test&force=true", tree)
        if code not in {200, 201}:
            raise AssertionError(f"the API server refuses {path}: {answer.get('message')}")
        return answer


@contextmanager
def running(home: Path, mode: Literal["crd", "full", "both"]) -> Generator[str]:
    """Run one below the folder `home` while this is entered, and yield its kubeconfig; skip where there is none."""
    given = os.environ.get("SHALE_TEST_KUBECONFIG")
    if given:
        yield given
        return
    if not TESTBED.exists():
        pytest.skip("no API server: set SHALE_TEST_KUBECONFIG, or put shared/kube/testbed beside the repository")
    bed = str(home / "bed")
    ends = ["--owner", str(os.getpid()), "--ttl", str(LIVES)]
    up = [sys.executable, str(TESTBED), "up", "--dir", bed, "--mode", mode, *ends]
    started = subprocess.run(up, capture_output=True, text=True, timeout=START_WITHIN, check=False)
    if started.returncode:
        pytest.skip(f"no API server: the testbed did not start: {(started.stderr or started.stdout).strip()[-300:]}")
    try:
        yield f"{bed}/kubeconfig"
    finally:
        down = [sys.executable, str(TESTBED), "down", "--dir", bed, "--rm"]
        subprocess.run(down, timeout=END_WITHIN, check=True, capture_output=True)
