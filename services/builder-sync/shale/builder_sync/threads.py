"""A thread for each piece of work that blocks: one that never comes back (a dead mount) holds up nobody but itself.

A pool's threads would be used up by a few such, and with them the worker, for every tenant and for ever. Who waited is
freed by its time-out, the thread cannot be: it is counted until it comes back, and a worker with too many of them asks
to be ended, for whoever started it starts another.
"""

import asyncio
import contextvars
import logging
import signal
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import ParamSpec, TypeVar

from shale.contracts.errors import Transient

MOST = 32
"""Threads at once: a few times the jobs that a worker has in hand."""

Given = ParamSpec("Given")
Done = TypeVar("Done")
log = logging.getLogger("shale.builder-sync")


def end_this_process() -> None:
    """End as an operator would have it: what can be handed over is."""
    signal.raise_signal(signal.SIGTERM)


class Threads:
    """The threads of one worker, used from its event loop alone."""

    def __init__(self, most: int = MOST, end: Callable[[], None] = end_this_process) -> None:
        self._most, self._end = most, end
        self.running = 0
        self._given_up = False

    async def run(self, work: Callable[Given, Done], *args: Given.args, **kwargs: Given.kwargs) -> Done:
        """Do what blocks. Raises what it raises, and Transient when too many do not come back."""
        if self.running >= self._most:
            self._give_up()
            raise Transient(f"{self.running} threads of this worker do not come back from a source: another goes on")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Done] = loop.create_future()
        call = partial(contextvars.copy_context().run, partial(work, *args, **kwargs))
        self.running += 1
        Thread(target=_done, args=(call, loop, self._back, future), daemon=True, name="shale-work").start()
        return await future

    def _give_up(self) -> None:
        """Ask once to be ended: a second signal would cut off what is handed over."""
        if not self._given_up:
            self._given_up = True
            log.critical("this worker ends: its threads do not come back", extra={"threads": self.running})
            self._end()

    def _back(self, future: asyncio.Future[Done], result: Done | None, error: BaseException | None) -> None:
        self.running -= 1
        if future.done():  # nobody waits any more
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # pyright: ignore[reportArgumentType] (it is what the work returned)


def _done(
    call: Callable[[], Done],
    loop: asyncio.AbstractEventLoop,
    back: Callable[[asyncio.Future[Done], Done | None, BaseException | None], None],
    future: asyncio.Future[Done],
) -> None:
    result, error = None, None
    try:
        result = call()
    except BaseException as raised:  # noqa: BLE001 (it is raised where it is waited for)
        error = raised
    try:
        loop.call_soon_threadsafe(back, future, result, error)
    except RuntimeError:
        return  # the loop is closed: the process ends
    finally:
        error = None  # its traceback holds this frame, and this frame would hold it
