"""One registry that hangs holds a few hands; the others are free."""

import asyncio
from contextlib import suppress

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.image_builder import hands
from shale.image_builder.card import CARD
from shale.image_builder.claims import Claims
from shale.image_builder.hands import KNOWN, STRANGER, STRANGERS, Hands
from shale.image_builder.seen import CheckAccess, Reached, Seen
from shale.image_builder.service import ImageBuilder
from shale.oci.distribution.options import Options, pause
from shale.oci.layout import Layout
from shale.registries.identity import ObjectIdentities
from shale.registries.registries import Registries
from shale.registries.settings import RegistrySettings
from shale.registries.target import Target
from shale.runtime.beat import Beat
from shale.secrets.login import Login
from shale.testkit import front
from shale.testkit.bucket import MemoryBucket
from shale.testkit.front import Front
from shale.testkit.opened import Opened
from shale.testkit.registries import PATIENCE
from shale.testkit.secrets import MemorySecrets
from shale.testkit.soon import WITHIN

ABOUT = About("modelversion", "team-a", "mv-1", "0a1b2c3d", 1)
A, B, C, D = (f"{name}.example" for name in "abcd")


def wish(repo: str) -> Seen:
    return Seen(ABOUT, ModelVersionSpec("m", repo, Storage(local_storage=LocalStorage("/m", "n"))), 0.0)


async def test_a_registry_that_hangs_leaves_hands_for_a_folder(tmp_path):
    secrets, options = MemorySecrets(), Options(patience=msgspec.structs.replace(PATIENCE, read=WITHIN))
    layouts = RegistrySettings(layout_dir=str(tmp_path))
    registries = Registries(layouts, secrets, ObjectIdentities(Login(secrets)), options)
    builder = ImageBuilder(Claims(MemoryBucket()), registries)
    with Front() as silent:
        silent.default = front.hang
        works = [
            asyncio.ensure_future(builder.perform(CheckAccess(), wish(f"{silent.host}/r/{n}"), Beat()))
            for n in range(CARD.concurrency)
        ]
        sent_away = 0
        async with asyncio.timeout(WITHIN):
            for work in asyncio.as_completed(works):
                with pytest.raises(Transient, match="is slow: 4 others wait there already"):
                    await work
                sent_away += 1
                if sent_away == CARD.concurrency - STRANGER:
                    break
            assert (await builder.perform(CheckAccess(), wish("r/1"), Beat())).reached == Reached()
            assert sum(not work.done() for work in works) == STRANGER
    for one in await asyncio.gather(*works, return_exceptions=True):
        assert isinstance(one, Transient)


class World:
    def __init__(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr(hands, "PATIENCE", 0.01)
        self.now, self.tmp_path = 100.0, tmp_path
        self.hands = Hands(Opened(Layout(tmp_path)), lambda: self.now)
        self.end = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def _stay(self, host: str, entered: asyncio.Future[bool]) -> None:
        try:
            async with self.hands.open(Target(f"{host}/r"), pause):
                entered.set_result(True)
                await self.end.wait()
        except Transient:
            entered.set_result(False)

    async def enter(self, host: str, times: int) -> int:
        """Return how many of so many get in, and stay."""
        got = 0
        for _ in range(times):
            entered = asyncio.get_running_loop().create_future()
            self.tasks.append(asyncio.create_task(self._stay(host, entered)))
            got += await entered
        return got

    async def visit(self, host: str, *, well: bool) -> None:
        with suppress(Transient):
            async with self.hands.open(Target(f"{host}/r"), pause):
                if not well:
                    raise Transient("it does not answer")


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


async def test_who_answers_gets_more_hands_and_who_fails_loses_them(world):
    await world.visit(A, well=True)
    await world.visit(B, well=True)
    await world.visit(B, well=False)
    assert [await world.enter(host, CARD.concurrency) for host in (A, B)] == [KNOWN, STRANGER]


async def test_who_answered_long_ago_is_a_stranger(world):
    await world.visit(A, well=True)
    world.now += hands.FRESH + 1
    assert await world.enter(A, CARD.concurrency) == STRANGER


async def test_strangers_together_leave_some_hands(world):
    assert sum([await world.enter(host, STRANGER) for host in (A, B, C)]) == STRANGERS
    assert await world.enter(D, 1) == 0


async def test_a_hand_that_leaves_lets_the_next_one_in(world):
    assert await world.enter(A, STRANGER + 1) == STRANGER
    world.end.set()
    await asyncio.gather(*world.tasks)
    world.end.clear()
    assert await world.enter(A, 1) == 1
