"""A house whose services push to real registries, with the Secrets of a laptop."""

import itertools
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from shale.contracts.resources.meta import Condition
from shale.oci.layout import Layout
from shale.oci.unpack import unpack
from shale.testkit.dockerregistry import PASSWORD, USER
from shale.testkit.front import Front
from shale.testkit.house import House
from shale.testkit.person import Here
from shale.testkit.registries import Park
from shale.testkit.secrets import docker_secret, opaque
from shale.testkit.sites import Hasty, Site
from shale.testkit.visitor import Visitor, visiting

LOGIN = frozenset({"htpasswd", "token"})
PATIENT = 60.0


class Secrets:
    """The folder of SHALE_SECRETS_DIR."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, manifest: dict[str, Any]) -> Path:
        meta = manifest["metadata"]
        path = self.root / meta["namespace"] / f"{meta['name']}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(manifest))
        return path


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    return Secrets(tmp_path_factory.mktemp("secrets"))


@pytest.fixture(scope="module")
def house(secrets: Secrets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run a house, for a module."""
    with House(
        tmp_path_factory.mktemp("house"), environ={"SHALE_SECRETS_DIR": str(secrets.root), "SHALE_LOG_LEVEL": "DEBUG"}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def hasty_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run a house whose packers send small parts, have little patience, and an index."""
    folder = tmp_path_factory.mktemp("hasty-house")
    (folder / "key").write_bytes(b"k" * 64)
    (folder / "key").chmod(0o600)
    with Hasty(folder, environ={"SHALE_READER_KEY_FILE": str(folder / "key")}) as running:
        yield running


@pytest.fixture
async def visitor(house: House) -> AsyncGenerator[Visitor]:
    """Visit the house, with one running process of each service."""
    house.reset()
    async with visiting(house) as one:
        yield one
    sys.stdout.write(house.logs())  # shown with a failure only


class Road:
    """A house that is visited, the registries that it pushes to, and how images are pulled back from there."""

    def __init__(self, visitor: Visitor, park: Park, secrets: Secrets, skopeo: str, folder: Path) -> None:
        self.visitor, self.park, self.secrets = visitor, park, secrets
        self.house, self._skopeo, self._folder = visitor.house, skopeo, folder
        self._pulled = itertools.count()

    def model(self, name: str, data: bytes = b"weights", *sizes: int) -> dict[str, bytes]:
        """Make a model of two files, and of weights of these sizes; return the two."""
        folder = self.house.models / name
        folder.mkdir(exist_ok=True)
        files = {"config.json": b'{"layers": 1}', "model.bin": data}
        for path, content in files.items():
            (folder / path).write_bytes(content)
        for number, size in enumerate(sizes):
            with (folder / f"model-{number}.safetensors").open("wb") as file:
                file.write(b"%d" % number)
                file.truncate(size)
        return files

    def named(self, kind: str, name: str) -> dict[str, Any]:
        """Return what a version says of a repository in the registry of a kind, emptied, whose Secrets are there."""
        host = self.park.server(kind).host
        repo = {"imageRepo": f"{host}/team/{name}"}
        if kind in LOGIN:
            secret = docker_secret(host, USER, PASSWORD, f"push-{kind}")
            if kind == "token":
                secret["metadata"]["annotations"] = {"shale.dev/hosts": self.park.tokens.host}
            self.secrets.put(secret)
            return {**repo, "pushSecretRef": {"name": f"push-{kind}"}}
        if kind == "tls":
            self.secrets.put(opaque({"ca.crt": self.park.certificate.pem}, "ca"))
            return {**repo, "registry": {"caSecretRef": {"name": "ca"}}}
        return repo

    async def stalls(self, name: str, reason: str) -> Condition:
        """Wait until a version is stalled for a reason; return the condition."""

        async def look() -> Condition | None:
            found = await self.visitor.get(name)
            conditions = found.status.conditions if found else ()
            return next((one for one in conditions if one.type == "Stalled" and one.reason == reason), None)

        return await self.visitor.until(f"{name} stalled, {reason}", look, PATIENT)

    def pulled(self, kind: str, image: str, platform: str) -> dict[str, bytes]:
        """Pull one platform's image with skopeo and unpack it; return its files."""
        folder = self._folder / str(next(self._pulled))
        folder.mkdir()
        login = [f"--src-creds={USER}:{PASSWORD}"] if kind in LOGIN else []
        flags = [
            "--insecure-policy",
            "--override-os=linux",
            f"--override-arch={platform}",
            "copy",
            "--preserve-digests",
        ]
        command = [self._skopeo, *flags, "--src-tls-verify=false", *login, f"docker://{image}", f"oci:{folder}/copy:x"]
        done = subprocess.run(command, timeout=100, check=False, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        layout, out = Layout(folder), folder / "out"
        top = layout.resolve("copy", "x")
        assert top is not None
        for layer in json.loads(layout.manifest("copy", top.digest) or b"")["layers"]:
            unpack(layout.pull("copy", layer["digest"]) or iter(()), out)
        files = (path for path in (out).rglob("*") if path.is_file())
        return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def road(visitor: Visitor, park: Park, secrets: Secrets, debian_tool: Callable[[str], str], tmp_path: Path) -> Road:
    return Road(visitor, park, secrets, debian_tool("skopeo"), tmp_path)


_NAMES = itertools.count()


@pytest.fixture
def site(visitor: Visitor, park: Park, tmp_path: Path) -> Iterator[Callable[[str], Site]]:
    """Return what makes a site of a layout, each with an empty registry."""
    with ExitStack() as stack:
        here = Here(tmp_path)
        here.environ["DOCKER_CONFIG"] = str(tmp_path)

        def make(layout: str) -> Site:
            server = park.server("plain")
            front = stack.enter_context(Front(server.host))
            return Site(visitor, server, front, here, f"site-{next(_NAMES)}", layout)

        yield make
