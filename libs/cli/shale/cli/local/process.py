"""One process of ours: it writes to its log, dies with us, and is ended by its id within a bounded time."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shale.cli.local import child
from shale.cli.local.home import Running

GRACE = 8.0
"""Seconds between SIGTERM and SIGKILL: enough for a drain, which takes up to `services.DRAIN`, and a goodbye."""


class Program(msgspec.Struct, frozen=True):
    """What is run: a name for people, the command, all of its environment, and the file that it logs to."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    log: Path


class Process:
    """One run of a program; `log_offset` is where its own lines begin in the log."""

    def __init__(self, program: Program, running: asyncio.subprocess.Process, log_offset: int) -> None:
        self.program = program
        self.log_offset = log_offset
        self._process = running
        self.running = Running(program.name, running.pid, time.time())

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._process.returncode is not None

    async def wait(self) -> int:
        """Return its exit code, negative for a signal."""
        return await self._process.wait()

    async def end(self, grace: float = GRACE) -> bool:
        """Ask it to end, then make it end; False when it had to be made to."""
        if self.ended:
            return True
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), grace)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            return False
        return True

    def written(self) -> str:
        """Return what it logged so far, at most the last 64 KiB."""
        with self.program.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self.log_offset, size - 65536))
            return log.read().decode(errors="replace")


async def start(program: Program) -> Process:
    """Start a program in a session of its own: an interrupt typed here reaches us, and we end it in our order.

    Call from the main thread: the child is tied to the thread that starts it (prctl(2)).
    """
    with program.log.open("ab") as log:
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", child.__file__, str(os.getpid()), *program.command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(program.environ),
            start_new_session=True,
        )
        return Process(program, running, log.tell())
