"""One container as a local process: its command with the folders of its mounts in it, its probes, its last words."""

import asyncio
import datetime as dt
import os
import re
import signal
import socket
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from shale.testkit.kubelet.machine import Image

Tree = dict[str, Any]

PROBE_WITHIN = 10.0


def now() -> str:
    """Return the time as an API server writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Container:
    """One container of one Pod; it may be started again after its end."""

    def __init__(self, spec: Tree, image: Image, folder: Path, ip: str) -> None:
        self.spec, self._image, self._folder, self.ip = spec, image, folder, ip
        self.name = str(spec["name"])
        self.restarts = 0
        self.started = self.ended_at = ""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def _words(self) -> Path:
        return self._folder / f"{self.name}.last-words"

    async def start(self, mounts: Mapping[str, Path], pod: Tree) -> None:
        """Start its process."""
        self._words.unlink(missing_ok=True)
        last = {str(self.spec.get("terminationMessagePath") or "/dev/termination-log"): self._words}
        folders = {**mounts, **last}
        variables = {one["name"]: _value(one, pod, self.ip) for one in self.spec.get("env", ())}
        command = [*(self.spec.get("command") or self._image.entrypoint), *self.spec.get("args", ())]
        told = [_placed(_expanded(piece, variables), folders) for piece in command]
        if told[0] in {"python", "python3"}:
            told[0] = self._image.python
        environ = {**os.environ, **{name: _placed(value, folders) for name, value in variables.items()}}
        with (self._folder / f"{self.name}.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*told, env=environ, stdout=log, stderr=log)
        self.started = now()

    async def wait(self) -> int:
        """Return its exit code when it has ended."""
        code = await self._running().wait()
        self.ended_at = now()
        return code

    @property
    def ended(self) -> int | None:
        """How it ended: its exit code; None while it runs."""
        return self._running().returncode

    async def stop(self, grace: float) -> None:
        """End it: SIGTERM, and SIGKILL after `grace` seconds."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it at once, and see it end: who does not look leaves it to the loop that is closed meanwhile."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def probe(self, probe: Tree) -> bool:
        """Ask it whether it is well."""
        within = min(
            float(probe.get("timeoutSeconds", 1)) * 5, PROBE_WITHIN
        )  # a machine under load is no sick container
        if web := probe.get("httpGet"):
            return await asyncio.to_thread(_asks, self.ip, self._port(web["port"]), str(web.get("path", "/")), within)
        if tcp := probe.get("tcpSocket"):
            return await asyncio.to_thread(_connects, self.ip, self._port(tcp["port"]), within)
        return self._process is not None and self._process.returncode is None

    def last_words(self) -> str:
        """Return what it left for its kubelet."""
        return self._words.read_text() if self._words.exists() else ""

    def log(self) -> str:
        """Return what it wrote."""
        path = self._folder / f"{self.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _port(self, port: int | str) -> int:
        named = {one.get("name"): one["containerPort"] for one in self.spec.get("ports", ())}
        return int(named.get(port, port))

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"container {self.name} was not started")
        return self._process


def _value(variable: Tree, pod: Tree, ip: str) -> str:
    """Return an environment variable's value; of the downward API what Pods of ours ask for."""
    path = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
    fields = {"status.podIP": ip, "metadata.name": pod["metadata"]["name"]}
    fields["metadata.namespace"] = pod["metadata"].get("namespace", "")
    return str(fields.get(path, variable.get("value", "")))


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """Put variables into a command as a kubelet does: `$(NAME)`; `$$` is a dollar; what is not known stays."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)", one, text)


def _placed(text: str, folders: Mapping[str, Path]) -> str:
    """Put the real folder where a mount path stands by itself or begins a path."""
    for path in sorted(folders, key=len, reverse=True):
        text = re.sub(rf"(?<![^=:,\s]){re.escape(path)}(?![^/:,\s])", lambda _, at=path: str(folders[at]), text)
    return text


def _asks(host: str, port: int, path: str, within: float) -> bool:
    line = HTTPConnection(host, port, timeout=within)
    try:
        line.request("GET", path)
        return 200 <= line.getresponse().status < 400  # noqa: PLR2004 (HTTP)
    except (OSError, HTTPException):
        return False
    finally:
        line.close()


def _connects(host: str, port: int, within: float) -> bool:
    try:
        socket.create_connection((host, port), within).close()
    except OSError:
        return False
    return True
