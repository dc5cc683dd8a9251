"""The house's sizes: no file above 400 lines, no function above 50, half of the files within 90, 9 of 10 within 200."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHELVES = ("libs", "services", "tools", "tests")
FILES = [ROOT / "run.py", *(path for shelf in SHELVES for path in sorted((ROOT / shelf).rglob("*.py")))]


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring, which is not code."""
    words = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    said = (words.end_lineno or 0) - words.lineno + 1 if words else 0
    return (function.end_lineno or 0) - function.lineno + 1 - said


def functions(source: str) -> dict[str, int]:
    """Name and line -> code lines, of every function."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {f"{node.name}:{node.lineno}": code_lines(node) for node in found}


def test_no_file_is_above_400_lines():
    assert {str(path.relative_to(ROOT)): lines(path) for path in FILES if lines(path) > 400} == {}


def test_no_function_is_above_50_lines():
    sizes = {path: functions(path.read_text()) for path in FILES}
    long = {
        f"{path.relative_to(ROOT)}:{name}": size
        for path, many in sizes.items()
        for name, size in many.items()
        if size > 50
    }
    assert long == {}


def test_half_of_the_files_are_within_90_lines_and_9_of_10_within_200():
    ours = [lines(path) for path in FILES if not path.is_relative_to(ROOT / "tests")]
    assert statistics.median(ours) <= 90
    assert statistics.quantiles(ours, n=10)[-1] <= 200


@pytest.mark.parametrize(
    ("source", "size"),
    [
        pytest.param("def f():\n    return 1\n", 2, id="the def line counts"),
        pytest.param('def f():\n    """Say.\n\n    More.\n    """\n    return 1\n', 2, id="the docstring does not"),
        pytest.param("async def f():\n    x = 1\n\n    return x\n", 4, id="an empty line does"),
    ],
)
def test_code_lines_are_counted_without_the_docstring(source: str, size: int):
    assert functions(source) == {"f:1": size}
