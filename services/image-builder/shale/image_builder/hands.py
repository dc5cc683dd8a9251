"""Who is at which registry just now: one that hangs must not hold all hands, for the others wait for them.

Each hand has a thread: asyncio's own pool has as many as there are processors, and a few.
"""

import asyncio
import contextvars
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from shale.contracts.errors import Transient
from shale.image_builder.card import CARD
from shale.oci.refusal import NoAccess, Refused
from shale.oci.registry import Registry
from shale.registries.target import Opener, Target

STRANGER, KNOWN = CARD.concurrency // 4, CARD.concurrency // 2
"""Hands at one registry: while nobody knows whether it answers, and while it does."""
STRANGERS = CARD.concurrency - STRANGER
"""Hands at all registries together of which nobody knows."""
FRESH = 60.0
"""Seconds for which who answered is believed to answer."""
PATIENCE = 1.0
"""Seconds that a hand waits to be let in, before it turns to something else."""

_THREADS = ThreadPoolExecutor(CARD.concurrency, thread_name_prefix="registry")

Given = ParamSpec("Given")
Done = TypeVar("Done")


async def in_thread(work: Callable[Given, Done], *args: Given.args, **kwargs: Given.kwargs) -> Done:
    """Do what blocks in a thread of a hand."""
    call = partial(contextvars.copy_context().run, partial(work, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_THREADS, call)


class Hands:
    """The hands of one process, by the registry that they are at; a folder has no host and no bound."""

    def __init__(self, registries: Opener, clock: Callable[[], float] = time.monotonic) -> None:
        self._registries, self._clock = registries, clock
        self._at = Counter[str]()
        self._answered: dict[str, float] = {}
        self._left = asyncio.Condition()

    @asynccontextmanager
    async def open(self, target: Target, pause: Callable[[float], None]) -> AsyncGenerator[Registry | NoAccess]:
        """Be at a target's registry, opened: see `Opener.open`. Raises Transient when too many are there already."""
        async with self._at_host(self._registries.host(target.repo)):
            yield await in_thread(self._registries.open, target, pause)

    @asynccontextmanager
    async def _at_host(self, host: str) -> AsyncGenerator[None]:
        if not host:
            yield
            return
        await self._enter(host)
        try:
            yield
            self._answered[host] = self._clock()
        except Refused:
            self._answered[host] = self._clock()
            raise
        except Transient:
            self._answered.pop(host, None)
            raise
        finally:
            await self._leave(host)

    async def _enter(self, host: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE), self._left:
                await self._left.wait_for(lambda: self._room(host))
                self._at[host] += 1
        except TimeoutError:
            raise Transient(f"{host} is slow: {self._at[host]} others wait there already") from None

    async def _leave(self, host: str) -> None:
        self._at[host] -= 1
        self._at = +self._at
        async with self._left:
            self._left.notify_all()

    def _room(self, host: str) -> bool:
        since = self._clock() - FRESH
        self._answered = {one: at for one, at in self._answered.items() if at > since}
        if host in self._answered:
            return self._at[host] < KNOWN
        strangers = sum(count for one, count in self._at.items() if one not in self._answered)
        return self._at[host] < STRANGER and strangers < STRANGERS
