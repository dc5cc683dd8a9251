"""Who deletes an image meets who publishes the same: cut in at every step, no image that was announced is lost."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Gone, Held, ImageBuilt
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.image_builder.claims import Claims
from shale.image_builder.going import LEASE
from shale.image_builder.perform import publish
from shale.image_builder.seen import PublishImage, Seen
from shale.image_builder.service import ImageBuilder
from shale.oci import manifest
from shale.oci.layout import Layout
from shale.oci.registry import Pushed, push
from shale.runtime.told import Said, Told
from shale.testkit.bucket import MemoryBucket
from shale.testkit.opened import Opened

REPO, ENDED, NOW = "registry.example/models/resnet", "2027-01-15T08:00:00Z", 1_800_000_000.0
PLACE = Storage(local_storage=LocalStorage("/models/resnet", "node-1"))
PATIENCE = 60
WHO = ("deletes", "publishes")
BUCKET = {"get", "create", "update", "keys"}
GATED = BUCKET | {"resolve", "put_manifest", "untag", "delete", "tags", "manifest"}


class PowerCut(BaseException):
    """The process is gone."""


class Stage:
    """Where two take turns, one step at a time.

    `plan` says after how many steps of the one who has the turn the other has it; the last one keeps it.
    """

    def __init__(self, *plan: int, first: str = "deletes", between: Callable[[], None] = lambda: None) -> None:
        self.plan, self.turn, self.between = list(plan), first, between
        self.playing: set[str] = set()
        self.steps: dict[str, list[str]] = {"deletes": [], "publishes": []}
        self.cut_after: dict[str, int] = {}
        self._busy = False
        self._changed = asyncio.Condition()

    async def enter(self, who: str, what: str) -> None:
        """Wait for the turn. Raises PowerCut."""
        if who not in self.playing:
            return
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: not self._busy and (self.turn == who or len(self.playing) == 1))
            if len(self.steps[who]) == self.cut_after.get(who, -1):
                raise PowerCut
            self.steps[who].append(what)
            self._busy = True

    async def leave(self, who: str) -> None:
        """End the step; the turn may be the other's now."""
        if who not in self.playing:
            return
        async with self._changed:
            self._busy = False
            if self.plan and self.turn == who:
                self.plan[0] -= 1
                self._turns()
            self._changed.notify_all()

    def _turns(self) -> None:
        if self.plan and self.plan[0] <= 0:
            self.plan = self.plan[1:]
            self.turn = "publishes" if self.turn == "deletes" else "deletes"
            self.between()

    async def play(self, who: str, work: Any) -> Any:
        """Let one play its part; return what it came to, or what it met."""
        try:
            return await work
        except (Transient, PowerCut) as met:
            return met
        finally:
            self.playing.discard(who)
            async with self._changed:
                self._changed.notify_all()


class Gate:
    """A door whose every call is a step of somebody on a stage."""

    def __init__(self, inner: Any, stage: Callable[[], Stage], who: str) -> None:
        self._inner, self._stage, self._who = inner, stage, who
        self._loop = asyncio.get_running_loop()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in GATED:
            return found

        async def coroutine(*args: Any) -> Any:
            stage = self._stage()
            await stage.enter(self._who, name)
            try:
                return await found(*args)
            finally:
                await stage.leave(self._who)

        def function(*args: Any) -> Any:
            stage = self._stage()
            asyncio.run_coroutine_threadsafe(stage.enter(self._who, name), self._loop).result(PATIENCE)
            try:
                return found(*args)
            finally:
                asyncio.run_coroutine_threadsafe(stage.leave(self._who), self._loop).result(PATIENCE)

        return coroutine if inspect.iscoroutinefunction(found) else function


class World:
    """One registry and one bucket; version a is announced, and goes; version b comes."""

    def __init__(self, path: Any, tag: str = "b", data: bytes = b"weights") -> None:
        self.registry, self.now, self.gone = Layout(path), NOW, set[str]()
        self.bucket, self.stage = MemoryBucket(lambda: self.now), Stage()
        self.tag, self.data = tag, data
        self.claims = {who: self._claims(who) for who in WHO}
        self.registries: dict[str, Any] = {who: Gate(self.registry, lambda: self.stage, who) for who in WHO}

    def _claims(self, who: str) -> Claims:
        async def is_gone(uid: str) -> bool:
            return uid in self.gone

        bucket: Any = Gate(self.bucket, lambda: self.stage, who)
        return Claims(bucket, is_gone, lambda: self.now)

    async def publish(self, name: str = "b", tag: str = "", data: bytes = b"") -> Any:
        pushed = push(self.registry, REPO, data or self.data)
        assert isinstance(pushed, Pushed)
        layer = Layer("0-small", "small", pushed.size), PackedLayer("small", "small", pushed.digest, pushed.size)
        seen = Seen(about(name), wish(tag or self.tag), NOW)
        effect = PublishImage(tag or self.tag, (layer,))
        seen = await publish(self.claims["publishes"], self.registries["publishes"], seen, effect)
        return seen.image or seen.tag

    async def begin(self) -> None:
        self.image = await self.publish("a", "a", b"weights")
        self.gone.add("uid-a")

    async def release(self, name: str = "a", image: ImageBuilt | None = None, tag: str = "a") -> Any:
        told = (Declared(about(name), wish(tag), ENDED), Held(about(name).whole(), "image-builder"))
        said = *map(Said, (*told, image or self.image)), Said(Gone(about(name).whole()), time=ENDED)
        service = ImageBuilder(self.claims["deletes"], Opened(self.registries["deletes"]))
        return (await service.release(about(name), Told(about(name), said, now=NOW))).left

    async def meet(self, stage: Stage) -> tuple[Any, Any]:
        """Let both play; return what the deletion and the publication came to."""
        self.stage = stage
        stage.playing = {"deletes", "publishes"}
        deletes, publishes = stage.play("deletes", self.release()), stage.play("publishes", self.publish())
        return tuple(await asyncio.gather(deletes, publishes))

    def stands(self, image: ImageBuilt) -> None:
        """Check that all of an announced image is there, by digest and by tag."""
        built = manifest.build(image.layers, self.tag)
        for document in built.manifests:
            assert self.registry.resolve(REPO, document.descriptor.digest), document.descriptor
        for tag, wanted in built.tags:
            assert self.registry.resolve(REPO, tag) == wanted, tag

    async def ends_well(self, deleted: Any, published: Any) -> None:
        """Check that what was announced stands, then that each comes to its end, and leaves nothing."""
        if isinstance(published, ImageBuilt):
            self.stands(published)
        if deleted != ():
            assert await self.release() == ()
        if isinstance(published, ImageBuilt):
            self.stands(published)
        if self.data != b"weights":
            return
        published = await self.publish()
        self.stands(published)
        assert await self.release() == ()
        self.stands(published)
        self.gone.add("uid-b")
        assert await self.release("b", published, self.tag) == ()
        assert self.registry.tags(REPO) == ()
        for document in manifest.build(published.layers, "").manifests:
            assert self.registry.resolve(REPO, document.descriptor.digest) is None
        assert not [key for key in self.bucket._kept if self.bucket._there(key)]  # noqa: SLF001


def about(name: str) -> About:
    return About("modelversion", "team-a", name, f"uid-{name}", 1)


def wish(tag: str) -> ModelVersionSpec:
    return ModelVersionSpec("resnet", REPO, PLACE, image_tag=tag, deletion_policy="Delete")


SCENES = {
    "beside it": ("b", b"weights"),
    "under its tag": ("a", b"weights"),
    "other bytes under its tag": ("a", b"other"),
}
MOST_STEPS = 60
"""More than either has."""


@pytest.fixture(params=SCENES.values(), ids=list(SCENES))
def world_at(request, tmp_path_factory, monkeypatch):
    """Return how to make a world; it lies on a disk that is never cut off."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    return lambda: World(tmp_path_factory.mktemp("registry"), *request.param)


def asleep_in_a_request(steps: list[str], after: int) -> bool:
    """Say whether who sleeps after so many steps is between the renewal of its note and what it deletes under that.

    A registry takes no token: there nothing but the length of the lease protects.
    """
    asked = [step for step in steps[:after] if step in BUCKET]
    return bool(asked) and asked[-1] == "update" and steps[after] not in BUCKET


@pytest.mark.parametrize("first", ["deletes", "publishes"])
async def test_one_comes_whole_between_any_two_steps_of_the_other(world_at, first):
    for after in range(1, MOST_STEPS):
        world = world_at()
        await world.begin()
        stage = Stage(after, 2 * MOST_STEPS, first=first)
        await world.ends_well(*await world.meet(stage))
        if len(stage.steps[first]) <= after:
            break
    else:
        pytest.fail(f"it has more than {MOST_STEPS} steps")
    assert after > 5


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.integers(1, 12), max_size=12), first=st.sampled_from(["deletes", "publishes"]))
def test_they_take_turns_in_any_order(world_at, plan, first):
    async def meet():
        world = world_at()
        await world.begin()
        await world.ends_well(*await world.meet(Stage(*plan, first=first)))

    asyncio.run(meet())


@pytest.mark.parametrize("world_at", [SCENES["beside it"], SCENES["under its tag"]], indirect=True)
@pytest.mark.parametrize(
    ("who", "is_late"),
    [("publishes", False), ("deletes", False), ("deletes", True)],
    ids=["who publishes", "who deletes", "who deletes, and does not come back for long"],
)
async def test_one_that_is_cut_off_at_any_step_keeps_the_other_only_so_long(world_at, who, is_late):
    for after in range(MOST_STEPS):
        world = world_at()
        await world.begin()
        stage = Stage(first=who)
        stage.cut_after = {who: after}
        deleted, published = await world.meet(stage)
        if not isinstance(deleted if who == "deletes" else published, PowerCut):
            break
        if is_late:
            world.now += LEASE + 1
            published = await world.publish()
        await world.ends_well(deleted, published)
    else:
        pytest.fail(f"it has more than {MOST_STEPS} steps")
    assert after > 5


async def test_who_deletes_and_slept_for_too_long_deletes_nothing_more(world_at):
    for after in range(1, MOST_STEPS):
        world = world_at()
        await world.begin()

        def sleeps(world=world):
            world.now += LEASE + 1

        stage = Stage(after, 2 * MOST_STEPS, between=sleeps)
        deleted, published = await world.meet(stage)
        if len(stage.steps["deletes"]) <= after:
            break
        if not asleep_in_a_request(stage.steps["deletes"], after):
            await world.ends_well(deleted, published)
    else:
        pytest.fail(f"it has more than {MOST_STEPS} steps")
    assert after > 5
