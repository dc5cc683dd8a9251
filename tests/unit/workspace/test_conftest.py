"""The fixture that hands out programs of other makers never lets their absence pass in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def test_a_program_is_found_by_its_name(
    debian_tool: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = tmp_path / "a-tool-of-this-test"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert debian_tool(program.name) == str(program)


def test_a_wrapper_with_nothing_behind_it_is_not_there(
    debian_tool: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = tmp_path / "a-wrapper-of-this-test"
    program.write_text(f"#!/bin/sh\nexec {tmp_path}/of-another-checkout\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="is not to be had here"):
        debian_tool(program.name)


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [
        pytest.param("", pytest.skip.Exception, id="a person is told that nothing was proven"),
        pytest.param("true", pytest.fail.Exception, id="CI fails"),
    ],
)
def test_a_missing_program_is_never_silent(
    ci: str, outcome: type[BaseException], debian_tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"no-such-tool is not to be had here: python3 tools/fetch_debian.py says why"):
        debian_tool("no-such-tool")
