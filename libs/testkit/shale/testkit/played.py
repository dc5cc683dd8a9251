"""A service that plays what it is given, and a world of one simulated bus to settle it in."""

from collections.abc import Callable
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
    Progressed,
    Refused,
    Released,
    StorageReady,
)
from shale.contracts.jobs import PackLayer
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision, Do
from shale.runtime.loop import settle
from shale.runtime.plane import Answer
from shale.runtime.service import Card, Trigger, Woken
from shale.runtime.told import Told
from shale.runtime.work import Work
from shale.testkit.plane import SimBus, SimPlane
from shale.testkit.toys import ABOUT

CARD = Card(
    name="builder",
    does="builds",
    kinds=("modelversion",),
    hears=(Declared, Gone),
    takes=(PackLayer,),
    says=(ImageBuilt, Held, Released, Refused, StorageReady, Progressed),
    asks=(PackLayer,),
    ends=(ImageBuilt,),
)
FOLDER = Card(name="folder", does="folds", kinds=("modelversion",), hears=(Declared, Gone), folds=True)
LAYER = Layer("0-abc~1", "w", 1)
JOB = PackLayer(ABOUT, LAYER.part, "file:///w", "repo", LAYER)
BUILT = ImageBuilt(ABOUT, "image", "sha256:i", "sha256:m", ())
READY = StorageReady(ABOUT, "file:///w")
PACKED = LayerPacked(ABOUT, LAYER.part, PackedLayer("w", "weight", "sha256:a", 1))


class Build(msgspec.Struct, frozen=True):
    """An effect of the service's own."""


class Played:
    """A service that plays what it is given; `done` keeps what was asked of it."""

    def __init__(
        self, decide: Callable[[Any], Any], card: Card = CARD, perform: Callable[..., Any] | None = None
    ) -> None:
        self.card, self._decide, self._perform = card, decide, perform
        self.done: list[str] = []

    async def observe(self, trigger: Trigger, told: Told) -> Any:  # noqa: ANN401 (a test may put anything here)
        """See what was told."""
        self.done.append(f"observe {trigger.about.generation}")
        return told

    def decide(self, trigger: Trigger, seen: object) -> Decision:
        """Decide as it was given."""
        del trigger
        return self._decide(seen)

    async def perform(self, effect: object, seen: object, beat: Beat) -> Any:  # noqa: ANN401 (as above)
        """Perform as it was given; then `built` is seen."""
        self.done.append(f"perform {type(effect).__name__}")
        return self._perform(seen, beat) if self._perform else "built"

    async def release(self, about: About, told: Told) -> Released:
        """Say that it left an image behind."""
        del told
        self.done.append("release")
        return Released(about, "whatever it says", left=("image",))


class World:
    """A bus, and what is told on it of one object."""

    def __init__(self) -> None:
        self.bus = SimBus()
        self.plane = SimPlane(self.bus, CARD.name)

    async def settle(
        self, service: Played, trigger: Trigger | None = None, tries: int = 0, work: Work | None = None
    ) -> Answer:
        """Settle one trigger, the object's wish when none is named, as the desk does."""
        return await settle(service, work or Work(service.card, trigger or Woken(ABOUT), self.plane), tries)

    async def gone_and_held(self) -> None:
        """Let the service hold something of an object that is gone since."""
        await self.plane.hold(Held(ABOUT.whole(), CARD.name))
        await self.plane.say(Gone(ABOUT))

    def later(self, seconds: float = 60) -> None:
        """Let time pass: nobody who was at work is taken for alive any more."""
        self.bus.advance(self.bus.clock + seconds)

    async def told(self, about: About = ABOUT) -> Told:
        """Return all levels of an object."""
        told = await self.plane.told(about, 0, asked=True, readings=True)
        if told is None:
            raise LookupError(f"nothing is told of {about}")
        return told

    async def reading(self, part: str = CARD.name) -> Progressed:
        """Return the last reading of a part. Raises LookupError."""
        reading = (await self.plane.last(ABOUT, part)).reading
        if reading is None:
            raise LookupError(f"{part} said nothing")
        return reading


def always(decision: Decision) -> Played:
    """Return a service with one decision for everything."""
    return Played(lambda _: decision)


def raising(error: BaseException, card: Card = CARD) -> Played:
    """Return a service whose effect fails."""

    def fail(*_: object) -> None:
        raise error

    return Played(lambda _: Do(Build()), card, perform=fail)


def failing(error: BaseException) -> Any:  # noqa: ANN401 (it fits wherever a test puts it)
    """Return a function that fails, to be put in the place of any other."""

    async def fail(*_: object) -> None:
        raise error

    return fail


def built_then(decision: Decision) -> Played:
    """Return a service that builds, then decides."""
    return Played(lambda seen: decision if isinstance(seen, str) else Do(Build()))
