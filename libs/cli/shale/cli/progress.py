"""How far it is: a bar on a terminal, nothing where nobody watches."""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager

from shale.cli import screen

Passing = Callable[[Iterable[bytes]], Iterator[bytes]]
Count = Callable[[int], None]


@contextmanager
def meter(what: str, total: int) -> Generator[Passing]:
    """Yield what counts the blocks that pass it; `total` in bytes. It draws on standard error, on a terminal only."""
    with counter(what, total) as count:

        def passing(blocks: Iterable[bytes]) -> Iterator[bytes]:
            for block in blocks:
                yield block
                count(len(block))

        yield passing


@contextmanager
def counter(what: str, total: int) -> Generator[Count]:
    """Yield what is told of more bytes that are done, by any thread."""
    if not screen.is_drawn_on(sys.stderr):
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 (a tenth of a second that a pipeline's log has no use for)
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    bars = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn())
    console = Console(file=sys.stderr)
    with Progress(*bars, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


def steps(more: Count) -> Count:
    """Return what is told how many bytes of one thing are done, and tells `more` how many more that are."""
    told = 0

    def done(so_far: int) -> None:
        nonlocal told
        before, told = told, max(so_far, told)
        more(told - before)

    return done
