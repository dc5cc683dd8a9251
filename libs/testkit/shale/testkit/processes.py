"""Services as processes of their own, ended by their ids: started, killed, paused and read from outside."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

END_WITHIN = 60.0
"""Seconds that a process has to end after SIGTERM: its drain is 5 s, and the machine may be busy."""


class Process:
    """One process of one service, and what it logs. It can be started again after its end; its log goes on."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.name, self.command, self.environ, self.log = name, tuple(command), dict(environ), log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the process that was started last."""
        return self._started().pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended (a paused process runs)."""
        return self._process is not None and self._process.poll() is None

    @property
    def ended(self) -> int | None:
        """How it ended: its exit code, negative for a signal; None while it runs."""
        return self._started().poll()

    def start(self) -> "Process":
        """Start it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, env=self.environ, stdout=log, stderr=log)
        return self

    def kill(self) -> None:
        """End it as a power cut would."""
        self._signal(signal.SIGKILL)
        self._started().wait(END_WITHIN)

    def terminate(self) -> None:
        """Ask it to end (SIGTERM), and do not wait."""
        self._signal(signal.SIGTERM)

    def pause(self) -> None:
        """Stop it where it is (SIGSTOP), and return when it stands still."""
        self._signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def stop(self) -> int:
        """End it as an operator would; return its exit code. Kills what does not end in time."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            return self._started().wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {END_WITHIN} s of SIGTERM\n{self.tail()}") from None

    def says(self, what: str) -> list[dict[str, Any]]:
        """Return the records of its log whose text is `what`."""
        return [record for record in self.records() if record.get("what") == what]

    def records(self) -> list[dict[str, Any]]:
        """Return its log so far; a line that is no JSON is a record of its own."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return [_record(line) for line in lines]

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of its log, for a person."""
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        state = "runs" if self.is_running else f"ended with {self.ended}" if self._process else "was never started"
        return "\n".join([f"--- {self.name} ({state})", *text[-lines:]])

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process

    def _signal(self, sign: signal.Signals) -> None:
        if self.is_running:
            os.kill(self.pid, sign)


def service(name: str) -> tuple[str, ...]:
    """Return the command that runs an installed service."""
    return (sys.executable, "-m", "shale.runtime", name)


def _record(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {"what": line}
