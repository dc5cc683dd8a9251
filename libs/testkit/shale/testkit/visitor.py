"""A user of a running house: applies, deletes, waits, and sees all that is published."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import msgspec

from shale.contracts import streams
from shale.contracts.envelope import Message, unwrap
from shale.contracts.errors import Transient
from shale.contracts.resources import KINDS, ModelVersion
from shale.contracts.subjects import word
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Missing
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.levels import read
from shale.runtime.told import Said
from shale.testkit.house import House

NAMESPACE = "team-a"
PAUSE = 0.02
"""Seconds between two looks."""

T = TypeVar("T")
M = TypeVar("M", bound=Message)


class Delivered(Protocol):
    """A message as a subscription hands it over."""

    subject: str
    data: bytes


class Heard(msgspec.Struct, frozen=True):
    """One message as it was published, whether or not its stream took it; `at` in seconds."""

    at: float
    subject: str
    message: Message | None


class Visitor:
    """One connection to a house: what it offers a user, and what it says meanwhile."""

    def __init__(self, house: House, bus: Bus) -> None:
        self.house, self.bus = house, bus
        self.resources = EmbeddedResources(Bucket(bus, streams.OBJECTS.name))
        self.heard: list[Heard] = []

    async def hear(self, message: Delivered) -> None:
        """Note what was published."""
        try:
            decoded = None if message.subject.startswith("shale.dead.") else unwrap(message.data)[1]
        except ValueError:
            decoded = None
        self.heard.append(Heard(time.monotonic(), message.subject, decoded))

    async def apply(self, name: str, **spec: object) -> ModelVersion:
        """Apply a ModelVersion of the folder `models/<name>`; fields as the YAML has them."""
        storage = {"localStorage": {"path": f"/models/{name}", "nodeName": "here"}}
        full = {"modelName": "tiny", "imageRepo": f"models/{name}", "storage": storage, **spec}
        meta = {"name": name, "namespace": NAMESPACE}
        manifest = {"apiVersion": "shale.dev/v1alpha1", "kind": "ModelVersion", "metadata": meta, "spec": full}
        made = await self.resources.apply(manifest, "visitor")
        if not isinstance(made, ModelVersion):
            raise TypeError(f"{name} was not applied: {made}")
        return made

    async def get(self, name: str) -> ModelVersion | None:
        """Return the version, or None."""
        found = await self.resources.get(KINDS["modelversion"], NAMESPACE, name)
        return found if isinstance(found, ModelVersion) else None

    async def delete(self, name: str, kind: str = "modelversion") -> None:
        """Delete an object and do not wait; nothing is no mistake."""
        await self.resources.delete(KINDS[kind], NAMESPACE, name)

    async def until(self, what: str, look: Callable[[], Awaitable[T | None]], within: float = 60) -> T:
        """Look until there is something to see. Raises AssertionError with what was waited for and all logs."""
        end = time.monotonic() + within
        while True:
            if seen := await look():
                return seen
            if time.monotonic() > end:
                raise AssertionError(f"not within {within} s: {what}\n{self.house.logs()}")
            await asyncio.sleep(PAUSE)

    async def reconnects(self) -> None:
        """Wait until this visitor's own connection is back and JetStream answers on it."""

        async def look() -> bool:
            try:
                return self.bus.is_connected and "error" not in await self.bus.api("INFO", {})
            except Transient:
                return False

        await self.until("the visitor connected again", look)

    async def reaches(self, name: str, *phases: str, within: float = 60, generation: int = 0) -> ModelVersion:
        """Wait until a version is in one of these phases (Ready unless named), for `generation` or a newer one."""
        last: list[object] = []

        async def look() -> ModelVersion | None:
            found = await self.get(name)
            last[:] = [found.status if found else "there is no such version"]
            if found is None or found.status.observed_generation < generation:
                return None
            return found if found.status.phase in (phases or ("Ready",)) else None

        try:
            return await self.until(f"{name} in {phases or ('Ready',)}", look, within)
        except AssertionError as error:
            raise AssertionError(f"{name} stands at {last}\n{error}") from None

    async def vanishes(self, name: str, kind: str = "modelversion", within: float = 60) -> None:
        """Wait until an object is gone."""

        async def look() -> bool:
            return isinstance(await self.resources.get(KINDS[kind], NAMESPACE, name), Missing)

        await self.until(f"{kind} {name} gone", look, within)

    async def hears(self, what: type[M], uid: str, part: str = "", within: float = 60, **fields: object) -> M:
        """Wait until a message of one class about a uid is published whose part begins so, with these fields."""

        async def look() -> M | None:
            found = self.all_heard(what, uid, part)
            return next((one for one in found if all(getattr(one, name) == fields[name] for name in fields)), None)

        return await self.until(f"{what.__name__} {part} {fields} about {uid}", look, within)

    def all_heard(self, what: type[M], uid: str, part: str = "") -> list[M]:
        """Return what was published so far of one class about a uid, with parts that begin so."""
        mine = [one.message for one in self.heard if isinstance(one.message, what) and one.message.about.uid == uid]
        return [message for message in mine if getattr(message, "part", "").startswith(part)]

    async def facts(self, uid: str) -> tuple[Said, ...]:
        """Return all milestones that the bus remembers of a uid, at any generation."""
        level = await read(self.bus, streams.FACTS.name, (f"shale.fact.*.*.*.{uid}.>", f"shale.gone.{uid}"))
        return level.said

    async def left(self, stream: streams.Stream, filters: str) -> dict[str, int]:
        """Return how many messages lie on each subject of a stream."""
        info = await self.bus.api(f"STREAM.INFO.{stream.name}", {"subjects_filter": filters})
        return info["state"].get("subjects") or {}

    async def jobs(self, uid: str) -> list[str]:
        """Return the subjects of the jobs that are asked of a uid and not ended."""
        return sorted(await self.left(streams.JOBS, f"shale.job.*.*.{uid}.>"))

    async def times(self, what: type[Any], uid: str) -> dict[str, int]:
        """Return how often each milestone of one class was told, purged ones too; by `<generation>[.<part>]`."""
        filters = f"shale.fact.*.*.*.{uid}.*.{word(what)}"

        async def found(stream: streams.Stream) -> dict[str, int]:
            return await self.left(stream, filters) | await self.left(stream, f"{filters}.>")

        async def caught_up() -> bool:
            return (await found(streams.FACTS)).keys() <= (await found(streams.HISTORY)).keys()

        await self.until("the history as new as the facts", caught_up)  # it follows them, seconds later after a restart
        return {_short(subject): count for subject, count in (await found(streams.HISTORY)).items()}


@asynccontextmanager
async def visiting(house: House) -> AsyncGenerator[Visitor]:
    """Yield a visitor that hears everything from now on."""
    async with house.connected("visitor") as bus:
        visitor = Visitor(house, bus)
        await bus.client.subscribe("shale.>", cb=visitor.hear)  # pyright: ignore[reportUnknownMemberType]
        await bus.client.flush()
        yield visitor


def _short(subject: str) -> str:
    """Return `<generation>` or `<generation>.<part>` of a fact's subject."""
    tokens = subject.split(".")
    return ".".join([tokens[6], *tokens[8:]])
