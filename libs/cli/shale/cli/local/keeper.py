"""Programs that are kept running: one that ends by itself is started again, later each time, and that is said."""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from shale.cli.local import process
from shale.cli.local.process import Process, Program

FIRST = 0.5
"""Seconds before the first new start."""
LONGEST = 30.0
"""Seconds at most; a program that lived longer than this starts again from `FIRST`."""

Say = Callable[[str], None]


class Kept:
    """One program that is kept running; `restarts` counts its new starts."""

    def __init__(self, program: Program, say: Say, first: float = FIRST) -> None:
        self.program = program
        self.restarts = 0
        self._say, self._first = say, first
        self._process: Process | None = None
        self._stop = asyncio.Event()

    @property
    def process(self) -> Process:
        """Its run of now, or the last one."""
        if self._process is None:
            raise RuntimeError(f"{self.program.name} was never started")
        return self._process

    async def start(self) -> None:
        """Start it."""
        self._process = await process.start(self.program)

    async def keep(self, changed: Callable[[], None]) -> None:
        """Start it again whenever it ends, and call `changed`; until `end`."""
        delay = self._first
        while not self._stop.is_set():
            begun = time.monotonic()
            code = await self.process.wait()
            if self._stop.is_set():
                return
            delay = self._first if time.monotonic() - begun > LONGEST else delay
            self._say(f"{self.program.name} ended ({how(code)}): again in {delay:g} s; its log is {self.program.log}")
            await self._pause(delay)
            delay = min(2 * delay, LONGEST)
            if not self._stop.is_set():
                await self.start()
                self.restarts += 1
                changed()

    async def renew(self) -> None:
        """End this run of it; being kept, it starts again."""
        await self.process.end()

    async def end(self) -> None:
        """End it, and keep it no more."""
        self._stop.set()
        if self._process is not None and not await self._process.end():
            self._say(f"{self.program.name} did not end within {process.GRACE:g} s and was killed")

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return


@asynccontextmanager
async def kept(
    programs: Sequence[Program], say: Say, changed: Callable[[], None] = lambda: None
) -> AsyncGenerator[tuple[Kept, ...]]:
    """Start all and keep them running until the block ends; then end all of them, together."""
    held = tuple(Kept(program, say) for program in programs)
    keeping: list[asyncio.Future[None]] = []
    try:
        for one in held:
            await one.start()
            keeping.append(asyncio.ensure_future(one.keep(changed)))
        yield held
    finally:
        await asyncio.gather(*(one.end() for one in held))
        await asyncio.gather(*keeping)


def how(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"killed by signal {-code}"
