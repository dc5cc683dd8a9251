"""Two versions over the same weights, applied at once to two workers: the weights are sent once."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator
from threading import Event

import pytest

from shale.contracts.facts import LayerPacked, Progressed
from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.testkit import front
from shale.testkit.front import Exchange, Front, Trouble
from shale.testkit.house import House
from shale.testkit.registries import Park
from shale.testkit.soon import soon
from shale.testkit.visitor import Visitor, visiting

pytestmark = pytest.mark.real_nats

SIZE, PIECE = 32 << 20, 1 << 20


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "key").write_text("k" * 64)
    with House(folder, environ={"SHALE_READER_KEY_FILE": str(folder / "key")}) as running:
        yield running


@pytest.fixture
async def visitor(house: House) -> AsyncGenerator[Visitor]:
    house.reset()
    house.start("builder-sync")
    async with visiting(house) as one:
        yield one


class Gate:
    """Holds the first bytes of weights until it is let go; then they go on, or `then` becomes of them."""

    def __init__(self, then: Trouble) -> None:
        self.go, self.holds, self.then = Event(), Event(), then

    def __call__(self, exchange: Exchange) -> None:
        if len(exchange.body) < PIECE or self.holds.is_set():
            return front.pass_on(exchange)
        self.holds.set()
        self.go.wait(60)
        return self.then(exchange)


@pytest.mark.parametrize(("end", "then"), [("well", front.pass_on), ("killed", front.drop)], ids=["well", "killed"])
async def test_who_comes_second_waits_and_sends_nothing(
    house: House, visitor: Visitor, park: Park, weights, end, then
) -> None:
    name = f"twins-{end}"
    weights(name, huge=SIZE)
    file = house.models / name / "huge.safetensors"
    await soon(lambda: time.time() - file.stat().st_ctime > 3)
    with Front(park.server("plain").host) as server:
        gate = server.default = Gate(then)
        repos = [f"{server.host}/models/{name}-{number}" for number in (1, 2)]
        storage = {"localStorage": {"path": f"/models/{name}", "nodeName": "n"}}
        versions = [
            await visitor.apply(f"{name}-{number}", imageRepo=repo, storage=storage)
            for number, repo in enumerate(repos, 1)
        ]
        waits = await soon(lambda: [uid for uid in uids(versions) if is_waiting(visitor, uid)])
        assert len(waits) == 1
        await soon(gate.holds.is_set)
        if end == "killed":
            for worker in house.running("builder-sync"):
                worker.kill()
            house.start("builder-sync")
        gate.go.set()
        for number in (1, 2):
            await visitor.reaches(f"{name}-{number}", within=120)
        packed = [
            next(one.layer for one in visitor.all_heard(LayerPacked, uid) if one.layer.size > SIZE)
            for uid in uids(versions)
        ]
        assert packed[0].digest == packed[1].digest
        # What the killed worker was at never arrives, so that no registry weighs it against what is sent in its stead.
        sent = sum(len(one.body) for one in server.seen if one.method in {"PATCH", "PUT"})
        assert sent < (2 if end == "well" else 3) * SIZE
        assert server.count("mount=") == 1
        registry = Distribution(Options())
        assert [registry.has(repo, packed[0].digest) for repo in repos] == [packed[0].size] * 2
        registry.close()


def uids(versions) -> list[str]:
    return [version.metadata.uid for version in versions]


def is_waiting(visitor: Visitor, uid: str) -> bool:
    return any(
        one.state == "Waiting" and "packs the bytes" in one.message for one in visitor.all_heard(Progressed, uid)
    )
