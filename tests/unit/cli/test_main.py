"""From words to exit codes: every error is one line."""

import json
import subprocess
import sys
import time

import pytest

from shale.cli import main as entry
from shale.cli import parser
from shale.cli.exits import CliError, Exit
from shale.contracts.errors import Transient

COMMANDS = ["demo", "up", "init", "run", "apply", "get", "delete", "retry"]
MORE = [
    "grant",
    "wait",
    "events",
    "dead",
    "pull",
    "verify",
    "inspect",
    "diff",
    "login-check",
    "describe",
    "forget",
]
MOVING = ["copy", "export", "import", "pack"]


class Command:
    """A command that raises; it stands where `shale.cli.commands` looks."""

    def __init__(self, error):
        self.error = error

    def run(self, *_):
        raise self.error

    class Options(entry.importlib.import_module("msgspec").Struct):
        target: list[str]


@pytest.fixture
def raising(monkeypatch):
    """Return what makes `shale get mv` raise, and runs it with more words."""

    def run(error, *words):
        monkeypatch.setattr(entry.importlib, "import_module", lambda _: Command(error))
        return entry.main(["get", "mv", *words])

    return run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(CliError("no"), Exit.FAILED, id="a failure"),
        pytest.param(CliError("no", Exit.USAGE), Exit.USAGE, id="a mistake of the caller's"),
        pytest.param(CliError("no", Exit.TIMED_OUT), Exit.TIMED_OUT, id="a time that is over"),
        pytest.param(CliError("no", Exit.STALLED), Exit.STALLED, id="what stalls"),
        pytest.param(Transient("no"), Exit.FAILED, id="a world that is not ready"),
        pytest.param(OSError(28, "no", "/x"), Exit.FAILED, id="a disk"),
        pytest.param(LookupError("no"), Exit.USAGE, id="a name that nobody has"),
        pytest.param(KeyError("no"), Exit.FAILED, id="a bug"),
        pytest.param(KeyboardInterrupt(), Exit.INTERRUPTED, id="an interrupt"),
    ],
)
def test_every_end_has_its_code(raising, error, code):
    assert raising(error) == code


def test_an_error_is_one_line_whatever_is_in_it(raising, capsys):
    raising(CliError("one\ntwo \x1b[2J three"))
    assert capsys.readouterr() == ("", "shale: one two [2J three\n")


def test_an_error_for_a_program_is_json(raising, capsys):
    raising(CliError("no", Exit.STALLED), "-o", "json")
    assert json.loads(capsys.readouterr().err) == {"error": "no", "exit": 4}


def test_a_bug_says_that_it_is_one_and_debug_says_where(raising, capsys):
    raising(KeyError("x"))
    assert "this is a bug of ours (KeyError: 'x')" in capsys.readouterr().err
    raising(KeyError("x"), "--debug")
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_quiet(raising, capsys):
    raising(KeyboardInterrupt())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["get"],
        ["apply"],
        ["get", "mv", "-o", "xml"],
        ["wait", "mv/a", "--timeout", "-1"],
        ["up", "--port", "99999"],
    ],
)
def test_a_mistake_of_the_callers_is_one_line_that_says_where_help_is(words, capsys):
    with pytest.raises(SystemExit) as caught:
        entry.main(words)
    said = capsys.readouterr().err
    assert caught.value.code == Exit.USAGE
    assert said.count("\n") == 1
    assert "--help" in said


@pytest.mark.parametrize("command", COMMANDS + MORE + MOVING)
def test_every_command_has_a_module_that_takes_its_options(command):
    module = entry.importlib.import_module(entry.module_of(command))
    needed = {field.name for field in entry.importlib.import_module("msgspec").structs.fields(module.Options)}
    words = {
        "run": ["x"],
        "apply": ["-f", "x"],
        "get": ["mv"],
        "delete": ["mv/x"],
        "retry": ["mv/x"],
        "grant": ["a", "b"],
    }
    words |= {
        "dead": ["list"],
        "grant": ["a", "b"],
        "wait": ["mv/x"],
        "pull": ["a:b", "c"],
        "verify": ["a:b"],
        "diff": ["a:b", "c:d"],
    }
    words |= {"inspect": ["a:b"], "login-check": ["a"], "describe": ["mv/x"], "forget": ["mv/x"]}
    words |= {"copy": ["a:b", "c:d"], "export": ["a:b", "c"], "pack": ["c", "a:b"]}
    said = vars(parser.build().parse_args([command, *words.get(command, [])]))
    assert needed <= said.keys()


@pytest.mark.parametrize("words", [["-o", "json", "get", "mv"], ["get", "mv", "-o", "json"]])
def test_common_options_stand_before_or_after_the_command(words):
    assert parser.build().parse_args(words).output == "json"


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h", 3600), ("0.5", 0.5)])
def test_a_time_has_a_unit(text, seconds):
    assert parser.build().parse_args(["wait", "mv/a", "--timeout", text]).timeout == seconds


def test_help_imports_nothing_that_takes_time():
    loud = "import sys; from shale.cli import parser; parser.build().format_help(); print(*sys.modules)"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", loud], capture_output=True, text=True, timeout=60, check=True)
    assert time.monotonic() - began < 5, "it takes 0.1 s on an idle machine"
    assert {"rich", "nats", "celpy", "yaml", "msgspec", "asyncio"}.isdisjoint(done.stdout.split())


def test_help_documents_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        entry.main(["--help"])
    said = capsys.readouterr().out
    for code in Exit:
        assert str(int(code)) in said


@pytest.mark.parametrize(
    "words",
    [
        ["get", "mv", "-n", "team-a", "mv-3"],
        ["get", "-n", "team-a", "mv", "mv-3"],
        ["get", "mv", "mv-3", "-n", "team-a"],
        ["delete", "mv", "-n", "team-a", "mv-3"],
        ["wait", "mv", "--namespace=team-a", "mv-3"],
    ],
    ids=" ".join,
)
def test_an_option_stands_anywhere_among_a_commands_words(words):
    said = parser.build().parse_args(words)
    assert (said.target, said.namespace) == (["mv", "mv-3"], "team-a")


@pytest.mark.parametrize("port", ["-1", "65536", "99999", "x"])
def test_a_port_is_a_number_that_a_port_can_have(port, capsys):
    with pytest.raises(SystemExit) as caught:
        entry.main(["up", f"--port={port}"])
    assert caught.value.code == Exit.USAGE
    assert "from 0 to 65535" in capsys.readouterr().err


def test_the_help_of_delete_says_what_cascade_does(capsys):
    with pytest.raises(SystemExit):
        entry.main(["delete", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "a moment after it (background, the default)" in said
