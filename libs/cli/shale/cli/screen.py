"""What is printed: tables and documents to standard output, notes to standard error."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import msgspec

from shale.cli.common import Output

_BETWEEN = "   "
_ASKED = ("FORCE_COLOR", "TTY_COMPATIBLE")  # by which rich is told that what looks like a file is a terminal


def clean(text: str) -> str:
    """Return the text without what could move a terminal's cursor or break a line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def is_drawn_on(stream: TextIO) -> bool:
    """Say whether a stream may be a terminal, with colours and bars; rich has the last word."""
    return stream.isatty() or any(name in os.environ for name in _ASKED)


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
        if not self._headed:
            self._headed = True
            self._print(self._header, header=True)
        for row in cleaned:
            self._print(row)

    def _print(self, cells: Sequence[str], *, header: bool = False) -> None:
        """Print one line; the last cell is not padded, so that nothing wraps that need not."""
        padded = [cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)]
        line = (*padded[:-1], padded[-1].rstrip())
        if not is_drawn_on(sys.stdout):
            print(_BETWEEN.join(line), flush=True)
            return
        from shale.cli import drawing  # noqa: PLC0415 (it says why)

        drawing.row(sys.stdout, line, _BETWEEN, header=header)


def _yaml(tree: Any, *, begun: bool) -> str:  # noqa: ANN401 (any JSON value)
    import yaml  # noqa: PLC0415 (most answers are no YAML)

    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, explicit_start=begun)


def document(tree: Any, output: Output) -> None:  # noqa: ANN401 (any JSON value)
    """Print plain data as YAML or as JSON."""
    if output == "yaml":
        print(_yaml(tree, begun=False), end="")
    else:
        print(json.dumps(tree, indent=2, ensure_ascii=False))


def line(tree: Any, output: Output = "json") -> None:  # noqa: ANN401 (any JSON value)
    """Print plain data, one of many, at once: a line of JSON, or a YAML document behind its `---`."""
    if output == "yaml":
        print(_yaml(msgspec.to_builtins(tree), begun=True), end="", flush=True)
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
