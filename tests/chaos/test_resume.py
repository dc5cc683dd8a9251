"""A worker that ends in the middle of a layer: whoever takes the layer over sends what the registry has not."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from threading import Event
from urllib.parse import parse_qs, urlsplit

import pytest

from shale.builder_sync.places import PREFIX
from shale.contracts.facts import LayerPacked
from shale.contracts.streams import CLAIM
from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.oci.profiles import DISTRIBUTION
from shale.runtime.bus.buckets import Bucket
from shale.testkit import front
from shale.testkit.checkpoints import tensor
from shale.testkit.front import Exchange, Front
from shale.testkit.house import House
from shale.testkit.processes import Process
from shale.testkit.registries import Park
from shale.testkit.visitor import Visitor, visiting
from shale.weights import safetensors

pytestmark = pytest.mark.real_nats

PART = DISTRIBUTION.part_bytes
SIZE, BEFORE = 5 * PART, PART


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), drain_seconds=8) as running:
        yield running


@pytest.fixture
async def visitor(house: House) -> AsyncGenerator[Visitor]:
    house.reset()
    async with visiting(house) as one:
        yield one


class Gate:
    """Holds a part that comes when all before it is noted, until it is let go; every later part takes its time."""

    def __init__(self, bucket: Bucket, loop: asyncio.AbstractEventLoop) -> None:
        self._bucket, self._loop = bucket, loop
        self.holds, self.go = Event(), Event()
        self.then: front.Trouble = front.pass_on
        self.slow = 0.1

    def __call__(self, exchange: Exchange) -> None:
        if exchange.method == "PATCH" and not self.holds.is_set() and self._noted(exchange):
            self.holds.set()
            self.go.wait(60)
            self.then(exchange)
        elif exchange.method == "PATCH":
            front.delay(self.slow)(exchange)
        else:
            front.pass_on(exchange)

    def _noted(self, exchange: Exchange) -> bool:
        found = re.match(r"(\d+)-", exchange.headers.get("Content-Range", ""))
        start = int(found[1]) if found else 0
        for _ in range(20 if start >= BEFORE else 0):
            if start == asyncio.run_coroutine_threadsafe(self._offset(), self._loop).result(30):
                return True
            exchange.stopped.wait(0.05)
        return False

    async def _offset(self) -> int:
        """Return what the only place says of itself: docker-registry writes its offset behind 32 bytes of signature."""
        entries, _ = await self._bucket.list(PREFIX)
        places = [json.loads(entry.value)["place"] for entry in entries]
        if not any(places):
            return 0
        (place,) = filter(None, places)
        state = parse_qs(urlsplit(json.loads(place)["url"]).query)["_state"][0]
        return int(json.loads(base64.urlsafe_b64decode(state)[32:])["Offset"])


def killed(worker: Process, gate: Gate) -> None:
    worker.kill()
    gate.then = front.drop


def told_to_end(worker: Process, gate: Gate) -> None:
    gate.slow = 2.0  # a part ends well within the half of the grace that is left to it, the layer in neither
    worker.terminate()


def whole(house: House, name: str) -> str:
    """Lay one file of weights out."""
    folder = house.models / name
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with (folder / "huge.safetensors").open("wb") as file:
        file.write(name.encode())
        file.truncate(SIZE)
    return "files"


def sharded(house: House, model: str) -> str:
    """Lay two shards out, whose tensors of one kind become one tile of some more bytes."""
    folder = house.models / model
    folder.mkdir()
    where = {f"up.{word}": f"model-{word}.safetensors" for word in ("bias", "weight")}
    for name, file in where.items():
        laid = safetensors.arrange([tensor(name, SIZE // 2 + 512, dtype="U8")])
        header = safetensors.write(laid, {})
        with (folder / file).open("wb") as shard:
            shard.write(header)
            shard.truncate(len(header) + laid[-1].end)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return "tensors"


@pytest.mark.parametrize(
    ("end", "lay"), [(killed, whole), (told_to_end, whole), (killed, sharded)], ids=["killed", "told to end", "a tile"]
)
async def test_at_most_one_part_is_sent_again(
    house: House,
    visitor: Visitor,
    park: Park,
    end: Callable[[Process, Gate], None],
    lay: Callable[[House, str], str],
) -> None:
    name = f"{end.__name__}-{lay.__name__}".replace("_", "-")
    layout = lay(house, name)
    with Front(park.server("plain").host) as server:
        bucket = Bucket(visitor.bus, CLAIM.name)
        gate = server.default = Gate(bucket, asyncio.get_running_loop())
        worker = house.the("builder-sync")
        repo = f"{server.host}/models/{name}"
        version = await visitor.apply(name, imageRepo=repo, layout=layout)
        await _until(visitor, "a part behind those that are noted", gate.holds.is_set)
        end(worker, gate)
        gate.go.set()
        await _until(visitor, "the end of the worker", lambda: not worker.is_running)
        gate.slow = 0
        house.start("builder-sync")
        await visitor.reaches(name, within=120)
        parts = [one for one in server.seen if one.method == "PATCH"]
        sent = sum(len(one.body) for one in parts)
        assert SIZE <= sent <= SIZE + PART + 4096, [one.headers.get("Content-Range") for one in parts]
        assert server.count("^GET .*/uploads/") == 1
        packed = next(one for one in visitor.all_heard(LayerPacked, version.metadata.uid) if one.layer.size > SIZE)
        registry = Distribution(Options())
        assert registry.has(repo, packed.layer.digest) == packed.layer.size
        registry.close()
        entries, _ = await bucket.list(PREFIX)
        assert not any(json.loads(entry.value)["place"] for entry in entries)


async def _until(visitor: Visitor, what: str, is_so: Callable[[], bool]) -> None:
    async def look() -> bool:
        return is_so()

    await visitor.until(what, look)
