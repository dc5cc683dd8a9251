"""The `shale` command: read the words, load the one module that is needed, turn what goes wrong into one line."""

import argparse
import importlib
import json
import keyword
import sys
import traceback
from collections.abc import Sequence

from shale.cli import parser
from shale.cli.exits import CliError, Exit

COMMANDS = "shale.cli.commands"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments (default: the process's) ask; return the exit code."""
    words = parser.build().parse_args(arguments)
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has enough; nothing is left to say, nor anybody to say it to
        return Exit.UNREAD
    except Exception as error:  # noqa: BLE001 (the end of the road: it is said, in one line or with --debug in many)
        return _complain(error, words)


def module_of(command: str) -> str:
    """Return the module of a command; one that is a word of Python's has a `_` behind it."""
    name = command.replace("-", "_")
    return f"{COMMANDS}.{name}{'_' * keyword.iskeyword(name)}"


def _dispatch(words: argparse.Namespace) -> int:
    import msgspec  # noqa: PLC0415 (`shale --help` does without)

    from shale.cli.common import Common  # noqa: PLC0415

    command = importlib.import_module(module_of(words.command))
    said = vars(words)
    return command.run(msgspec.convert(said, Common), msgspec.convert(said, command.Options))


def _complain(error: Exception, words: argparse.Namespace) -> int:
    code, message = _named(error)
    if getattr(words, "debug", False):
        traceback.print_exception(error)
    message = " ".join("".join(letter if letter.isprintable() else " " for letter in message).split())
    if getattr(words, "output", "") == "json":
        print(json.dumps({"error": message, "exit": int(code)}), file=sys.stderr)
    else:
        print(f"shale: {message}", file=sys.stderr)
    return code


def _named(error: Exception) -> tuple[Exit, str]:
    """Return the exit code and the line of an error; one that nobody foresaw says so."""
    from shale.contracts.errors import Transient  # noqa: PLC0415 (see above)

    match error:
        case CliError():
            return error.code, str(error)
        case Transient() | OSError() if str(error):
            return Exit.FAILED, str(error)
        case _ if type(error) is LookupError:  # a name that nobody has; a KeyError is a bug
            return Exit.USAGE, str(error)
        case _ if type(error).__name__ == "SettingsError":
            return Exit.USAGE, str(error)
        case _:
            what = f"{type(error).__name__}: {error}"
            return Exit.FAILED, f"this is a bug of ours ({what}): run it again with --debug and report what it says"


if __name__ == "__main__":
    sys.exit(main())
