"""How long the world may be silent: a time-out that every sign of the work begins anew."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from shale.contracts.errors import Transient
from shale.runtime.beat import Beat

LOOK = 120.0
"""Seconds that a look at the world (`observe`) may take."""
WORK = 1800.0
"""Seconds that work (`perform`, `release`) may go on without a sign: one request of a registry may take long."""


class Silence:
    """The time that one piece of work still has."""

    def __init__(self, beat: Beat) -> None:
        self._beat = beat
        self._limit: asyncio.Timeout | None = None
        self._seconds, self._signs = 0.0, 0

    @asynccontextmanager
    async def within(self, seconds: float, what: str) -> AsyncGenerator[None]:
        """End what does not come to its end within `seconds` of its last sign. Raises Transient, which names `what`."""
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                self._limit, self._seconds, self._signs = limit, seconds, self._beat.signs
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise  # the service's own
            self._beat.stop("silent")  # what still runs in a thread ends at its next block
            raise Transient(f"{what} gave no sign within {seconds:g} s") from error
        finally:
            self._limit = None

    def heard(self) -> None:
        """Give work that moved since its time anew; to be called again and again while it works."""
        if self._limit is not None and not self._limit.expired() and self._beat.signs != self._signs:
            self._signs = self._beat.signs
            self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds)
