"""`python -m shale.runtime SERVICE`: one process of one service."""

import sys
from typing import NoReturn

from shale.runtime.exits import complain, run_and_end
from shale.runtime.installed import program_of
from shale.runtime.process import run


def main(arguments: list[str]) -> NoReturn:
    """Run the service that the only argument names."""
    if len(arguments) != 1:
        print("usage: python -m shale.runtime SERVICE", file=sys.stderr)  # noqa: T201 (a command's answer)
        sys.exit(2)
    try:
        build = program_of(arguments[0])
    except LookupError as error:
        sys.exit(complain(error, 2))
    run_and_end(run(arguments[0], build))


if __name__ == "__main__":
    main(sys.argv[1:])
