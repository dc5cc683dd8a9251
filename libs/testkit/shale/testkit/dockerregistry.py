"""A real docker-registry (distribution 2.8) as a process of its own, on the loopback, its store in a folder."""

import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import time
from pathlib import Path
from threading import Event
from typing import Any, Self

import msgspec

from shale.testkit.certificates import Certificate
from shale.testkit.nats import free_port

UP_WITHIN = 60.0
"""Seconds in which it must answer; it takes 0.1 s on an idle machine."""

REALM = "shale"
PASSWORD = "correct horse battery staple"  # noqa: S105 (of a registry that lives as long as a test)
USER = "ann"
HTPASSWD = f"{USER}:$2y$05$v2tzyUJhX1QJhEJcNoMTeusLha/eUY80CDaOfMbG0JeJSAez1Ye3u\n"


class Setting(msgspec.Struct, frozen=True):
    """What a registry is started with; by default plain http for anybody, and every word in its log."""

    tls: Certificate | None = None
    htpasswd: bool = False
    token_realm: str = ""
    token_root: Path | None = None
    deletes: bool = True
    level: str = "debug"


class DockerRegistry:
    """One server and its store. It is a context manager that ends what it starts, by its process id."""

    def __init__(self, program: str, folder: Path, setting: Setting | None = None) -> None:
        self._program, self.folder = program, folder
        self.setting = setting or Setting()
        self.host = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the process that runs; 0 when none does."""
        return self._process.pid if self._process else 0

    @property
    def log(self) -> str:
        """What the server wrote so far, at its most talkative."""
        return (self.folder / "log").read_text()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "htpasswd").write_text(HTPASSWD)
        config = self.folder / "config.json"  # JSON is YAML
        config.write_text(json.dumps(page(self.setting, self.folder, self.host)))
        environ = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
        with (self.folder / "log").open("ab") as log:
            command = [self._program, "serve", str(config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        until = time.monotonic() + UP_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"docker-registry did not come up within {UP_WITHIN} s: {self.log[-2000:]}")
            Event().wait(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it."""
        self.resume()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        self._process = None

    def pause(self) -> None:
        """Stop it where it is (SIGSTOP): its connections stand, and nobody answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Lose everything that was pushed: it keeps nothing of it in its memory."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def collect(self) -> str:
        """Collect garbage, untagged manifests too; return what it said."""
        command = [self._program, "garbage-collect", "--delete-untagged", str(self.folder / "config.json")]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self.host, timeout=2)
        if self.setting.tls:
            context = ssl.create_default_context(cadata=self.setting.tls.pem)
            connection = http.client.HTTPSConnection(self.host, timeout=2, context=context)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status in {200, 401}
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def page(setting: Setting, folder: Path, address: str) -> dict[str, Any]:
    """Return the configuration of a registry that listens at `address` and keeps what it has in `folder`."""
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": setting.level},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data")},
            "delete": {"enabled": setting.deletes},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": address, "secret": "of these tests only"},
    }
    if setting.tls:
        config["http"]["tls"] = {"certificate": str(setting.tls.certificate), "key": str(setting.tls.key)}
    if setting.htpasswd:
        config["auth"] = {"htpasswd": {"realm": REALM, "path": str(folder / "htpasswd")}}
    if setting.token_root:
        token = {"realm": setting.token_realm, "service": REALM, "issuer": REALM}
        config["auth"] = {"token": token | {"rootcertbundle": str(setting.token_root)}}
    return config
