"""What is drawn on a terminal; who writes for a file or a pipe has no use for it, and does not wait for its import."""

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

WIDE = 4096
"""Columns of a console that never wraps: a digest that is cut cannot be copied."""

_STYLES = {"True": "green", "Ready": "green", "False": "yellow", "Failed": "red", "Deleting": "magenta"}


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """End as every other print does; its base's exit code would be another."""
        raise BrokenPipeError


def console(stream: TextIO) -> Console:
    """Return a console that writes what it is given: no wrapping, no markup, no guessing."""
    return _Console(file=stream, width=WIDE, soft_wrap=True, markup=False, highlight=False, emoji=False)


def row(stream: TextIO, cells: Sequence[str], between: str, *, header: bool) -> None:
    """Print one line of a table; a word that says how something stands has its colour."""
    styled = [Text(text, _STYLES.get(text.strip(), "")) for text in cells]
    console(stream).print(Text(between).join(styled), style="bold" if header else "")
