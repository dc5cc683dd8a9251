"""Requirements are pinned, hashed, reasoned, and name no host: every index, mirror or cache may serve them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PINNED = ["requirements.txt", "requirements-uv.txt", "requirements-weights.txt"]
ENTRY = re.compile(r"^[a-z0-9-]+==[0-9][0-9a-z.]*( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n", re.MULTILINE)


def direct(root: Path) -> list[str]:
    """Lines of requirements.in that ask for something."""
    lines = (root / "requirements.in").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("name", PINNED)
def test_every_line_is_a_pin_with_its_hashes(name: str, root: Path):
    text = (root / name).read_text()
    assert ENTRY.sub("", text) == ""
    assert text


def test_every_direct_requirement_has_its_reason(root: Path):
    assert [line for line in direct(root) if not re.match(r"[a-z0-9-]+>=[0-9a-z.]+ +# \w.+", line)] == []


def test_every_direct_requirement_is_pinned(root: Path):
    pins = (root / "requirements.txt").read_text()
    assert [line for line in direct(root) if f"\n{line.split('>=')[0]}==" not in f"\n{pins}"] == []


@pytest.mark.parametrize("name", [*PINNED, "requirements.in", "pyproject.toml", "run.py", "justfile"])
def test_no_host_is_named(name: str, root: Path):
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links", (root / name).read_text()) == []


def test_locks_that_record_hosts_are_ignored(root: Path):
    ignored = (root / ".gitignore").read_text().splitlines()
    assert {"uv.lock", "pylock*.toml", "/.venv/", "/.tools/"} <= set(ignored)


@pytest.mark.parametrize(
    "line", ["x==1\n", "x>=1 \\\n    --hash=sha256:" + 64 * "0" + "\n", "x==1 \\\n    --hash=md5:0\n"]
)
def test_a_line_without_pin_or_hash_would_be_seen(line: str):
    assert ENTRY.sub("", line) != ""
