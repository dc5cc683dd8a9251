"""Who works in this process: many together, or one suspect alone, so that its death takes nobody along.

Whatever was in hand when a process died is a suspect, as nobody can say which of it was the cause. Each works alone at
its next attempt: the guilty one dies alone, the others pass.
"""

import asyncio


class Quarantine:
    """The door to the work of one process. Who entered must leave."""

    def __init__(self) -> None:
        self._inside = 0
        self._shut = False
        self._moved = asyncio.Condition()

    async def enter(self, *, alone: bool) -> None:
        """Wait until no suspect is inside or waits; a suspect (`alone`) then waits until everyone has left."""
        async with self._moved:
            await self._moved.wait_for(lambda: not self._shut)
            if alone:
                await self._empty()
            self._inside += 1

    async def leave(self, *, alone: bool) -> None:
        """Make room; after a suspect, for all who wait."""
        async with self._moved:
            self._inside -= 1
            self._shut = self._shut and not alone
            self._moved.notify_all()

    async def _empty(self) -> None:
        self._shut = True
        try:
            await self._moved.wait_for(lambda: self._inside == 0)
        except BaseException:
            self._shut = False
            self._moved.notify_all()
            raise
