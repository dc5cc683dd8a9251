"""Waiting for what must come, with an end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

TURN = 0.02
"""Seconds between two looks."""
WITHIN = 60.0
"""Seconds that anything may take on a machine with a load of 15: a wait proves that it comes, never how fast."""

T = TypeVar("T")


async def soon(look: Callable[[], T | None], within: float = WITHIN) -> T:
    """Look until there is something to see, and return it. Raises AssertionError after `within` seconds."""
    end = asyncio.get_running_loop().time() + within
    while not (seen := look()):
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"still {seen!r} after {within} s")
        await asyncio.sleep(TURN)
    return seen


async def soon_asked(look: Callable[[], Awaitable[T | None]], within: float = WITHIN) -> T:
    """Ask until the answer is something, and return it. Raises AssertionError after `within` seconds."""
    end = asyncio.get_running_loop().time() + within
    while not (seen := await look()):
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"still {seen!r} after {within} s")
        await asyncio.sleep(TURN)
    return seen
