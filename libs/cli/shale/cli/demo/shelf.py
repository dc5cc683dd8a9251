"""The registry of the demo: docker-registry where it is to be had, else the folder; and where either keeps a blob."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec

from shale.cli.exits import CliError, Exit
from shale.cli.local.keeper import kept
from shale.cli.local.process import Program
from shale.cli.local.server import HOST, any_port, listens
from shale.oci import digest as digests
from shale.oci import names

NAME = "docker-registry"
WITHIN = 15.0
"""Seconds in which it must listen; it takes 0.1 s."""
FETCH = f"python3 tools/fetch_debian.py {NAME}"

Wanted = Literal["auto", "docker-registry", "layout"]


class Folder(msgspec.Struct, frozen=True):
    """A folder of OCI layouts; `prefix` stands before a repository's name, `what` is what a person is told."""

    root: Path
    what: str
    prefix: str = ""

    def blob(self, repo: str, digest: str) -> Path:
        """Return the file of a blob of a repository, by the whole name that an image has."""
        return self.root / names.folder(repo) / "blobs" / "sha256" / digests.hexadecimal(digest)


class Served(msgspec.Struct, frozen=True):
    """A docker-registry whose storage is a folder: a blob lies there once, whoever names it."""

    storage: Path
    host: str

    @property
    def prefix(self) -> str:
        """The host, as a repository's name begins with it."""
        return f"{self.host}/"

    @property
    def what(self) -> str:
        """What a person is told."""
        return f"{NAME} at {self.host}, which keeps its blobs in {self.storage}"

    def blob(self, repo: str, digest: str) -> Path:
        """Return the file of a blob."""
        del repo
        name = digests.hexadecimal(digest)
        return self.storage / "docker" / "registry" / "v2" / "blobs" / "sha256" / name[:2] / name / "data"


Shelf = Folder | Served


def binary() -> str | None:
    """Return the path of a docker-registry that starts: unpacked in this checkout's .tools first, then on the PATH."""
    tools = str(Path(__file__).parents[5] / ".tools" / "bin")
    found = (shutil.which(NAME, path=path) for path in (tools, os.environ.get("PATH", "")))
    return next((one for one in found if one and _starts(one)), None)


def _starts(program: str) -> bool:
    try:
        said = subprocess.run([program, "--version"], check=False, capture_output=True, timeout=WITHIN)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0


@asynccontextmanager
async def shelf(wanted: Wanted, folder: Path, layouts: Path, say: Callable[[str], None]) -> AsyncGenerator[Shelf]:
    """Start what is wanted, yield it once it is there, and end it. Raises CliError."""
    found = None if wanted == "layout" else await asyncio.to_thread(binary)
    if found is None:
        if wanted == NAME:
            raise CliError(f"there is no {NAME} here: `{FETCH}` unpacks the one of Debian, where there is apt")
        why = "as asked" if wanted == "layout" else f"for {NAME} is not to be had here (`{FETCH}` says why)"
        yield Folder(layouts, f"a folder of OCI layouts, {why}")
        return
    served = Served(folder / "data", f"{HOST}:{any_port()}")
    async with kept((_program(found, folder, served),), say) as (registry,):
        await _listening(served, registry.program.log)
        yield served


def _program(found: str, folder: Path, served: Served) -> Program:
    folder.mkdir(parents=True)
    config = folder / "config.json"  # JSON is YAML
    tree = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(served.storage)}, "delete": {"enabled": True}},
        "http": {"addr": served.host},
    }
    config.write_text(json.dumps(tree))
    environ = {key: value for key, value in os.environ.items() if key != "AWS_CA_BUNDLE"}  # it panics where that is set
    return Program(NAME, (found, "serve", str(config)), environ, folder / f"{NAME}.log")


async def _listening(served: Served, log: Path) -> None:
    port = int(served.host.rpartition(":")[2])
    try:
        async with asyncio.timeout(WITHIN):
            while True:
                if await listens(HOST, port):
                    return
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        late = f"{NAME} did not listen at {served.host} within {WITHIN:g} s: see {log}"
        raise CliError(late, Exit.TIMED_OUT) from error
