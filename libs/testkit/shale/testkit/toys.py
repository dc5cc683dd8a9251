"""Three toy services over worlds of dictionaries: a joiner that asks for layers, a packer, and one that forgets.

They speak the real contracts, and are small enough that what goes wrong with them is the runtime's or the simulator's.
"""

import asyncio
from typing import Any

import msgspec

from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.facts import (
    Declared,
    Gone,
    Held,
    ImageBuilt,
    LayerPacked,
    LayerRefused,
    LayersPlanned,
    Progressed,
    Refused,
    Released,
)
from shale.contracts.jobs import PackLayer
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.beat import Beat
from shale.runtime.decision import Ask, Decision, Do, Done, Forget, Hold, Refuse, Say, Wait
from shale.runtime.service import Card, Trigger
from shale.runtime.told import Told
from shale.testkit.life import point

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
ALL = 1 << 62
"""A sequence that no stream reaches: whoever forgets up to it forgets all."""
SPEC = ModelVersionSpec("model", "registry.example/m", Storage(local_storage=LocalStorage("/weights", "node")))

JOINER = Card(
    name="joiner",
    does="joins layers",
    kinds=("modelversion",),
    hears=(Declared, Gone, LayerPacked, LayerRefused),
    says=(LayersPlanned, Held, ImageBuilt, Refused, Released, Progressed),
    asks=(PackLayer,),
    ends=(ImageBuilt,),
)
PACKER = Card(
    name="packer",
    does="packs layers",
    kinds=("modelversion",),
    takes=(PackLayer,),
    says=(LayerPacked, LayerRefused, Progressed),
)
FORGETTER = Card(
    name="forgetter",
    does="purges what nobody holds",
    kinds=("modelversion",),
    hears=(Declared, Gone, Held, Released),
    folds=True,
)


def declared(about: About = ABOUT) -> Declared[Any, Any]:
    """Return the wish for a version of the toy kind."""
    return Declared(about, SPEC, "2026-01-01T00:00:00Z")


class Image(msgspec.Struct, frozen=True):
    """What the joiner publishes: an effect, and afterwards what it sees."""

    digests: tuple[str, ...]


class Seen(msgspec.Struct, frozen=True):
    """What was told, and the image of that object, if it stands."""

    told: Told
    image: Image | None


class Joiner:
    """Asks for `width` layers, joins them into one image, and takes it away when the object is gone."""

    card = JOINER

    def __init__(self, images: dict[str, Image], width: int = 3) -> None:
        self.images, self.width = images, width

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Look for the image."""
        await point("look for the image")
        return Seen(told, self.images.get(trigger.about.uid))

    def decide(self, trigger: Trigger, seen: Seen) -> Decision:
        """Plan, ask, wait, hold, publish, say."""
        about, told = trigger.about, seen.told
        if refused := told.one(LayerRefused):
            return Refuse(refused.reason, refused.message)
        if (plan := told.one(LayersPlanned)) is None:
            layers = tuple(Layer(f"{n}-abcdef~1", f"layer-{n}", n) for n in range(self.width))
            return Do(Say((LayersPlanned(about, layers, "tag"),)))
        packed = {fact.part: fact.layer for fact in told.all(LayerPacked)}
        open_ = [one for one in plan.layers if one.part not in packed and not told.is_asked(PackLayer, one.part)]
        if open_:
            return Do(Ask(tuple(PackLayer(about, one.part, "file:///w", "repo", one) for one in open_)))
        if len(packed) < len(plan.layers):
            return Wait("Packing", f"{len(packed)} of {len(plan.layers)} layers packed", until=told.now + 86_400)
        if told.one(Held, self.card.name) is None:
            return Do(Hold())
        layers = tuple(packed[one.part] for one in plan.layers)
        if seen.image is None:
            return Do(Image(tuple(one.digest for one in layers)))
        return Done((ImageBuilt(about, "repo", ",".join(seen.image.digests), "pack", layers),))

    async def perform(self, effect: Image, seen: Seen, beat: Beat) -> Seen:
        """Put the image into the world."""
        del beat
        self.images[seen.told.about.uid] = effect
        await point("push the image")
        return Seen(seen.told, effect)

    async def release(self, about: About, told: Told) -> Released:
        """Take the image away."""
        del told
        self.images.pop(about.uid, None)
        return Released(about, self.card.name)


class Packer:
    """Puts one blob per layer into a world, in three blocks."""

    card = PACKER

    def __init__(self, blobs: dict[str, str]) -> None:
        self.blobs = blobs

    async def observe(self, trigger: Trigger, told: Told) -> str | None:
        """Look for the blob."""
        del told
        return self.blobs.get(_layer(trigger).name)

    def decide(self, trigger: Trigger, seen: str | None) -> Decision:
        """Pack unless it is there."""
        layer = _layer(trigger)
        if seen is None:
            return Do(layer)
        packed = PackedLayer(layer.name, "weight", seen, layer.size)
        return Done((LayerPacked(trigger.about, layer.part, packed),))

    async def perform(self, effect: Layer, seen: str | None, beat: Beat) -> str:
        """Pack in three blocks, in a thread as real ones do."""
        del seen
        await asyncio.to_thread(lambda: [beat.moved(block) for block in range(1, 4)])
        await point("upload")
        return self.blobs.setdefault(effect.name, f"sha256:{effect.name}")

    async def release(self, about: About, told: Told) -> Released:
        """Undo nothing: blobs are collected by their registry."""
        del told
        return Released(about, self.card.name)


class Forgetter:
    """Purges a uid that is gone when nobody holds anything of it."""

    card = FORGETTER

    async def observe(self, trigger: Trigger, told: Told) -> Told:
        """Look at nothing but what was told."""
        del trigger
        return told

    def decide(self, trigger: Trigger, seen: Told) -> Decision:
        """Forget what is gone and held by nobody."""
        del trigger
        if seen.gone and seen.holders:
            holders = ", ".join(seen.holders)
            return Wait("Held", f"{holders} must release it", until=seen.now + 86_400)
        return Do(Forget(seen.up_to)) if seen.gone and len(seen.said) > 1 else Done()

    async def perform(self, effect: object, seen: Told, beat: Beat) -> Told:
        """Do nothing: it has no world of its own."""
        del effect, beat
        return seen

    async def release(self, about: About, told: Told) -> Released:
        """Hold nothing."""
        del told
        return Released(about, self.card.name)


def _layer(trigger: Trigger) -> Layer:
    if not isinstance(trigger, PackLayer):
        raise TypeError(f"the packer takes no {type(trigger).__name__}")
    return trigger.layer
