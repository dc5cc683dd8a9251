"""The services of a local installation: how each is run, and how it is known to be ready."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from shale.cli.exits import CliError, Exit, usage
from shale.cli.local.home import Home
from shale.cli.local.keeper import Kept
from shale.cli.local.process import Process, Program
from shale.runtime.settings import PREFIX

WITHIN = 30.0
"""Seconds in which all services must be ready; they take about one on an idle machine."""

DRAIN = 2.0
"""Seconds that a service gives its work to end and to stop: with its last fetch and its goodbye less than GRACE."""

_PER_PROCESS = frozenset({f"{PREFIX}INSTANCE", f"{PREFIX}HEALTH_PORT"})
"""Settings that no two processes may share."""


def environ(told: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service: `given` without what no two processes may share, and what it is `told`."""
    return {**{key: value for key, value in given.items() if key not in _PER_PROCESS}, **told}


def keyed(key_file: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the setting that names the pool's key, unless a person set another one."""
    setting = f"{PREFIX}READER_KEY_FILE"
    return {} if given.get(setting) else {setting: str(key_file)}


def draining() -> dict[str, str]:
    """Return the setting by which a service has handed its work over before it would be killed."""
    return {f"{PREFIX}DRAIN_SECONDS": f"{DRAIN:g}"}


def told(nats_url: str, registry: Path, readable: str, kubeconfig: str = "") -> dict[str, str]:
    """Return the settings by which a service finds NATS, the registry, the cluster and the folders that may be read."""
    said = {"NATS_URL": nats_url, "LAYOUT_DIR": str(registry), **({"ROOTS": readable} if readable else {})}
    said |= {"KUBECONFIG": kubeconfig} if kubeconfig else {}
    return {PREFIX + key: value for key, value in said.items()}


def programs(home: Home, names: Sequence[str], environment: Mapping[str, str]) -> tuple[Program, ...]:
    """Return how the services are run; a name that comes twice is run twice."""
    numbered = [(name, names[:at].count(name) + 1) for at, name in enumerate(names)]
    labels = [f"{name}-{number}" if names.count(name) > 1 else name for name, number in numbered]
    return tuple(
        Program(label, (sys.executable, "-P", "-m", "shale.runtime", name), environment, home.logs / f"{label}.log")
        for name, label in zip(names, labels, strict=True)
    )


def roots(models: Sequence[str]) -> str:
    """Return SHALE_ROOTS from `/models=DIR` or `DIR` each. Raises CliError (usage) for what is no folder."""
    return ",".join(_root(one) for one in models)


def _root(text: str) -> str:
    prefix, separator, folder = text.partition("=")
    path = Path(folder if separator else prefix).expanduser().absolute()
    if separator and not prefix.startswith("/"):
        raise usage(f"--models {text}: {prefix!r} does not begin with '/': write /models=DIR")
    if not path.is_dir():
        raise usage(f"--models {text}: {path} is no folder: make it, or give another one")
    if "," in text or "=" in str(path):
        raise usage(f"--models {text}: a ',' or a second '=' cannot be part of it: rename the folder, or link to it")
    return f"{prefix}={path}" if separator else str(path)


async def ready(services: Sequence[Kept]) -> None:
    """Return once each service answers `/ready` with 200. Raises CliError when one ends first, or after WITHIN."""
    for one in services:
        try:
            async with asyncio.timeout(WITHIN):
                await _until_ready(one)
        except TimeoutError as error:
            late = f"{one.program.name} was not ready within {WITHIN:g} s: see {one.program.log}"
            raise CliError(late, Exit.TIMED_OUT) from error


async def _until_ready(one: Kept) -> None:
    while True:
        if await _ready(one):
            return
        await asyncio.sleep(0.03)


async def _ready(one: Kept) -> bool:
    process = one.process
    if one.restarts or process.ended:
        last = (process.written().strip().splitlines() or ["it said nothing"])[-1]
        raise CliError(f"{one.program.name} ended before it was ready: {last}; its log is {one.program.log}")
    port = health_port(process)
    return port is not None and await _answers(port)


def health_port(process: Process) -> int | None:
    """Return where a service answers about its health: it says so in its log once it is up."""
    for line in process.written().splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("what") == "up" and said.get("pid") == process.running.pid:  # pyright: ignore[reportUnknownMemberType]
            return int(said["health_port"])  # pyright: ignore[reportUnknownArgumentType]
    return None


async def _answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 2)
        writer.write(b"GET /ready HTTP/1.1\r\n\r\n")
        status = await asyncio.wait_for(reader.readline(), 2)
        writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status
