"""Several things at once, a few threads at most; what goes wrong with one, or an interrupt, ends all of them."""

import signal
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from shale.cli.exits import CliError, Exit
from shale.runtime.beat import Beat, Stopped

THREADS = 4
"""Blobs on their way at once: one hashes a gigabyte in a second, and more of them only share the same disk and line."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(beat: Beat, work: Callable[[Item], Result], items: Iterable[Item], threads: int = THREADS) -> list[Result]:
    """Do the work for every item, begun in their order; return what came of each, in the same order.

    The first error stops the beat, which the others must heed, and is raised once they have ended; so is an interrupt.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="shale") as pool:
        try:  # an interrupt may come before the last one is begun
            begun = [pool.submit(work, item) for item in items]
            wait(begun, return_when=FIRST_EXCEPTION)
            _heed(begun)
            return [one.result() for one in begun]
        except BaseException:
            beat.stop("over")
            pool.shutdown(cancel_futures=True)
            raise


def _heed(begun: list[Future[Result]]) -> None:
    """Raise what went wrong first; not that others were stopped for it."""
    for one in begun:
        error = one.exception() if one.done() and not one.cancelled() else None
        if error is not None and not isinstance(error, Stopped):
            raise error


@contextmanager
def terminable() -> Generator[Beat]:
    """Yield the beat of what is done here: SIGTERM ends it as an interrupt does, so that what is half done goes."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise CliError("terminated", Exit.TERMINATED)

    beat = Beat()
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield beat
    finally:
        beat.stop("over")
        signal.signal(signal.SIGTERM, before)
