"""Who works in this process: many together, or one suspect alone, so that its death takes nobody along.

Whatever was in hand when a process died is a suspect, as nobody can say which of it was the cause. Each works alone at
its next attempt: the guilty one dies alone, the others pass.
"""

import asyncio
from collections.abc import Callable

PATIENCE = 5.0
"""Seconds that a suspect keeps the door shut for others, while those inside end: no longer are hands idle for it."""


class Quarantine:
    """The door to the work of one process. Who entered must leave."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._inside = 0
        self._shut = False
        self._moved = asyncio.Condition()

    async def enter(self, *, alone: bool) -> bool:
        """Go in; False when there was no room in time: let another process have it.

        A suspect (`alone`) shuts the door and waits until all have left.
        """
        async with self._moved:
            free = await self._waits_for(lambda: not self._shut)
            if free and alone:
                free = await self._empties()
            self._inside += free
        return free

    async def _empties(self) -> bool:
        """Shut the door; open it again when those inside stay."""
        self._shut, free = True, False
        try:
            free = await self._waits_for(lambda: self._inside == 0)
        finally:
            if not free:
                self._shut = False
                self._moved.notify_all()
        return free

    async def leave(self, *, alone: bool) -> None:
        """Make room; after a suspect, for all who wait."""
        async with self._moved:
            self._inside -= 1
            if alone:
                self._shut = False
            self._moved.notify_all()

    async def _waits_for(self, free: Callable[[], bool]) -> bool:
        """Wait for as long as hands may be idle for a suspect."""
        try:
            async with asyncio.timeout(self.patience):
                return await self._moved.wait_for(free)
        except TimeoutError:
            return False
