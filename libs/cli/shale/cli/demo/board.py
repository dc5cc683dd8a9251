"""What the demo shows: one line per step, a bar while a version is packed, tables at the end."""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from shale.cli import screen
from shale.contracts.amounts import amount
from shale.contracts.artifact import PackedLayer
from shale.contracts.resources import ModelVersion

Show = Callable[[ModelVersion], None]


class Step(msgspec.Struct, frozen=True):
    """One step that is done; `seconds` by the wall's clock."""

    what: str
    seconds: float
    result: str = ""


class Board:
    """Speaks to a person on standard output; for a program, beside the answer on standard error."""

    def __init__(self, *, machine: bool) -> None:
        self.steps: list[Step] = []
        self.last = ""
        """How the version in hand stands, for who explains why it is not through."""
        self._machine = machine
        self._tell = screen.note if machine else screen.say
        self._stream = sys.stderr if machine else sys.stdout

    def tell(self, text: str = "") -> None:
        """Say one line."""
        self._tell(text)

    @contextmanager
    def step(self, what: str) -> Generator[list[str]]:
        """Time one step: what is put into the list is shown, the last line is its result. A failure is not recorded."""
        self._tell(f"{len(self.steps) + 1}. {what}")
        began, result = time.monotonic(), list[str]()
        yield result
        self.steps.append(Step(what, round(time.monotonic() - began, 3), result[-1] if result else ""))
        for line in result:
            self._tell(f"   {line}")

    @contextmanager
    def live(self, name: str) -> Generator[Show]:
        """Yield what shows how a version stands: a bar on a terminal, else a line whenever it is another one."""
        console = Console(file=self._stream)
        if console.is_terminal:
            with _bars(console) as bars:
                task = bars.add_task(name, total=None)
                yield lambda version: self._draw(bars, task, version)
        else:
            yield self._line

    def layers(self, version: ModelVersion) -> None:
        """Show the image's layers, bytes new and reused."""
        if self._machine:
            return
        sheet = screen.Sheet(("layer", "digest", "bytes", "new", "reused"))
        sheet.show([_layer(layer) for layer in version.status.layers])

    def summary(self) -> None:
        """Show all steps with their seconds."""
        if self._machine:
            return
        rows = [(step.what, f"{step.seconds:.2f}", step.result) for step in self.steps]
        sheet = screen.Sheet(("step", "seconds", "result"))
        sheet.show([*rows, ("all", f"{sum(step.seconds for step in self.steps):.2f}", "")])

    def _line(self, version: ModelVersion) -> None:
        line = standing(version)
        if line != self.last:
            self.last = line
            self._tell(f"   {line}")

    def _draw(self, bars: Progress, task: TaskID, version: ModelVersion) -> None:
        status = version.status
        self.last = standing(version)
        described = f"{version.metadata.name} {status.phase or 'Pending'}"
        bars.update(task, description=described, total=status.bytes_total or None, completed=status.bytes_done)


def standing(version: ModelVersion) -> str:
    """Return how a version stands: `Packing 6.1/15.2Gi (40%): 1 of 2 layers packed`."""
    status = version.status
    said = next((one.message for one in status.conditions if one.type == "Ready"), "")
    return f"{status.phase or 'Pending'} {status.progress}".rstrip() + (f": {said}" if said else "")


def _layer(layer: PackedLayer) -> tuple[str, ...]:
    sent = amount(layer.size)
    return (layer.name, layer.digest, str(layer.size), *(("-", sent) if layer.reused else (sent, "-")))


def _bars(console: Console) -> Progress:
    columns = (TextColumn("   {task.description}"), BarColumn(), DownloadColumn(binary_units=True), TimeElapsedColumn())
    return Progress(*columns, console=console)
