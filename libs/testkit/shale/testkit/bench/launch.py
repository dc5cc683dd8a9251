"""Runs one command and tells what it and everything below it took: `launch.py ANSWER COMMAND...`.

A program of its own, of the standard library alone: a child's peak of memory counts that of the process it was forked
from, so that process has to be small.
"""

import json
import os
import sys
import time


def main(answer: str, command: list[str]) -> int:
    """Run it, and write seconds, CPU seconds, KiB of the largest process and 512-byte blocks written to `answer`."""
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    cpu = used.ru_utime + used.ru_stime
    with open(answer, "w") as file:  # noqa: PTH123 (pathlib would double this process)
        json.dump({"wall": wall, "cpu": cpu, "rss": used.ru_maxrss * 1024, "written": used.ru_oublock * 512}, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
