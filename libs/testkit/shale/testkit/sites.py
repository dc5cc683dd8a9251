# ruff: noqa: S101 (the hands of tests: what is wrong here is an assertion of theirs)
"""A model whose weights are one layer, and a real registry for it behind a front: for faults on the whole road."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from shale.testkit import shards
from shale.testkit.checkpoints import tensor
from shale.testkit.dockerregistry import DockerRegistry
from shale.testkit.front import Exchange, Front
from shale.testkit.house import House
from shale.testkit.person import Here
from shale.testkit.processes import Process
from shale.testkit.visitor import Visitor
from shale.weights import safetensors

SIZE = 18 << 20
"""Bytes of the weights."""
LAYOUTS = ("files", "tensors")
PATIENT = 60.0


class Hasty(House):
    """A house whose packers send small parts and have little patience: see `smallparts`."""

    def start(self, name: str, command: Sequence[str] | None = None) -> Process:
        """See `House.start`."""
        small = (sys.executable, "-m", "shale.testkit.smallparts") if name == "builder-sync" else None
        return super().start(name, command or small)


def lay(folder: Path, layout: str) -> dict[str, bytes]:
    """Lay weights out that are one layer: one file, or two shards of one tile; return the files."""
    folder.mkdir(exist_ok=True)
    groups = [[tensor(f"model.layers.{at}.mlp.up_proj.weight", SIZE // 2, dtype="I8")] for at in range(2)]
    files = shards.write(folder, groups if layout == "tensors" else [groups[0] + groups[1]])
    if layout == "files":
        for path in files:
            (folder / path).unlink()
        files = {"model.safetensors": files["model-00001-of-00001.safetensors"]}
    files = {
        path: data if path.endswith(".json") else _random(f"{folder.name} {path}", data) for path, data in files.items()
    }
    for path, data in files.items():
        (folder / path).write_bytes(data)
    return files


def _random(seed: str, shard: bytes) -> bytes:
    """Return a shard with other tensors, of which no two bytes in a row are alike anywhere."""
    head = safetensors.length(shard, len(shard))
    assert isinstance(head, int)
    return shard[:head] + Random(seed).randbytes(len(shard) - head)  # noqa: S311 (test data)


class Site:
    """One model of a running house, and the server and the front that it is pushed to; `host` is where it goes."""

    def __init__(  # noqa: PLR0913, PLR0917 (a house, a registry and what is before it, and a model)
        self, visitor: Visitor, server: DockerRegistry, front: Front, here: Here, name: str, layout: str
    ) -> None:
        self.visitor, self.server, self.front, self._here = visitor, server, front, here
        self.name, self.layout, self.host = name, layout, front.host
        self.folder = visitor.house.models / name
        self.files: Mapping[str, bytes] = lay(self.folder, layout)
        self.uid = ""

    async def applied(self, attempt: int = 0) -> None:
        """Apply the version."""
        wish = {"imageRepo": f"{self.host}/team/{self.name}", "imageTag": "v1", "layout": self.layout}
        self.uid = (await self.visitor.apply(self.name, attempt=attempt, **wish)).metadata.uid

    async def tells(self, kind: str, said: str) -> None:
        """Wait until a condition says it."""

        async def look() -> bool:
            found = await self.visitor.get(self.name)
            return any(said in one.message for one in (found.status.conditions if found else ()) if one.type == kind)

        await self.visitor.until(f"{self.name} tells {said!r} in {kind}", look, PATIENT)

    async def is_ready(self, generation: int = 0) -> None:
        """Wait until it is Ready. What is pulled, past the front, is what lies at the source, byte for byte."""
        ready = await self.visitor.reaches(self.name, within=PATIENT, generation=generation)
        image, out = f"{self.server.host}/team/{self.name}@{ready.status.digest}", f"out-{self.name}"
        pulled = self._here.shale("pull", image, out, "--original")
        assert pulled.returncode == 0, pulled.stderr
        folder = self._here.folder / out
        assert {path: (folder / path).read_bytes() for path in self.files} == self.files

    def sent(self) -> int:
        """Return how many bytes came to the front."""
        return sum(len(one.body) for one in self.front.seen)

    def weights(self) -> list[Path]:
        """Return the blobs of the registry that are as large as weights."""
        found = (self.server.folder / "data").rglob("blobs/sha256/*/*/data")
        return [path for path in found if path.stat().st_size > SIZE // 2]

    def abandoned(self) -> set[str]:
        """Return the uploads that got parts and were given up without a word.

        Of one that was cut in a part docker-registry 2.8.2 keeps the bytes nonetheless, until it purges them.
        """
        return self._uploads("PATCH") - self._uploads("PUT") - self._uploads("DELETE")

    def _uploads(self, method: str) -> set[str]:
        return {_upload(one) for one in self.front.seen if one.method == method and "/uploads/" in one.path}


def _upload(exchange: Exchange) -> str:
    return exchange.path.partition("/uploads/")[2].partition("?")[0]
