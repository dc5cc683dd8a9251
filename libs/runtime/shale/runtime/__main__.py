"""`python -m shale.runtime SERVICE`: one process of one service."""

import asyncio
import sys

from shale.contracts.errors import Transient
from shale.runtime.installed import program_of
from shale.runtime.process import run
from shale.runtime.settings import SettingsError


def main(arguments: list[str]) -> int:
    """Run the service that the only argument names; 2 for a mistake of the caller's, 1 when the world is not ready."""
    if len(arguments) != 1:
        print("usage: python -m shale.runtime SERVICE", file=sys.stderr)  # noqa: T201 (a command's answer)
        return 2
    try:
        asyncio.run(run(arguments[0], program_of(arguments[0])))
    except (LookupError, SettingsError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    except Transient as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
