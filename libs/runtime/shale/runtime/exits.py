"""The end of a process: what is to be told was told, so it ends, whatever its threads still wait for."""

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

from shale.contracts.errors import Transient
from shale.runtime import telemetry
from shale.runtime.settings import SettingsError


def run_and_end(work: Coroutine[Any, Any, None]) -> NoReturn:
    """Run to the end and end this process: 0, 2 for a mistake of the caller's, 1 when the world is not ready, or a bug.

    No thread is joined: one that waits for a peer who is silent would hold the process until it is killed, and Python
    joins those of executors when a loop is closed, and again at its own end.
    """
    runner = asyncio.Runner()  # never closed: that would join
    try:
        runner.run(work)
        code = 0
    except (LookupError, SettingsError) as error:
        code = complain(error, 2)
    except Transient as error:
        code = complain(error, 1)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException as error:  # noqa: BLE001 (whatever it is, the process ends of it)
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    telemetry.stop()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def complain(error: Exception, code: int) -> int:
    """Say what is wrong in a line; return the exit code."""
    print(error, file=sys.stderr)  # noqa: T201 (a command's answer)
    return code
