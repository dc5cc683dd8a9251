"""What is printed: tables and documents to standard output, notes to standard error."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import msgspec
import yaml
from rich.console import Console
from rich.text import Text

from shale.cli.common import Output

WIDE = 4096
"""Columns of a console that never wraps: a digest that is cut cannot be copied."""

_STYLES = {"True": "green", "Ready": "green", "False": "yellow", "Failed": "red", "Deleting": "magenta"}


def clean(text: str) -> str:
    """Return the text without what could move a terminal's cursor or break a line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """End as every other print does; its base's exit code would be another."""
        raise BrokenPipeError


def console(stream: TextIO) -> Console:
    """Return a console that writes what it is given: no wrapping, no markup, no guessing."""
    return _Console(file=stream, width=WIDE, soft_wrap=True, markup=False, highlight=False, emoji=False)


class Sheet:
    """A table whose rows may come one by one: columns keep the widths that they had."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = tuple(word.upper() for word in header)
        self._widths = [len(word) for word in self._header]
        self._headed = False

    def show(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows, the first time below the header."""
        cleaned = [[clean(cell) for cell in row] for row in rows]
        for row in cleaned:
            self._widths = [max(width, len(cell)) for width, cell in zip(self._widths, row, strict=True)]
        screen = console(sys.stdout)
        if not self._headed:
            self._headed = True
            screen.print(self._line(self._header), style="bold")
        for row in cleaned:
            screen.print(self._line(row))

    def _line(self, cells: Sequence[str]) -> Text:
        """Return one line; the last cell is not padded, so that nothing wraps that need not."""
        padded = [cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)]
        styled = [Text(text, _STYLES.get(text.strip(), "")) for text in (*padded[:-1], padded[-1].rstrip())]
        return Text("   ").join(styled)


def document(tree: Any, output: Output) -> None:  # noqa: ANN401 (any JSON value)
    """Print plain data as YAML or as JSON."""
    if output == "yaml":
        print(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), end="")
    else:
        print(json.dumps(tree, indent=2, ensure_ascii=False))


def line(tree: Any, output: Output = "json") -> None:  # noqa: ANN401 (any JSON value)
    """Print plain data, one of many, at once: a line of JSON, or a YAML document behind its `---`."""
    if output == "yaml":
        tree = msgspec.to_builtins(tree)
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, explicit_start=True)
        print(text, end="", flush=True)
    else:
        print(msgspec.json.encode(tree).decode(), flush=True)


def say(text: str) -> None:
    """Print one line of an answer, at once."""
    print(clean(text), flush=True)


def show(texts: Iterable[str]) -> None:
    """Print the lines of an answer."""
    sys.stdout.write("".join(f"{clean(text)}\n" for text in texts))
    sys.stdout.flush()


def note(text: str) -> None:
    """Print one line beside the answer, at once."""
    print(clean(text), file=sys.stderr, flush=True)


def notes(texts: Iterable[str]) -> None:
    """Print lines beside the answer."""
    for text in texts:
        note(text)
