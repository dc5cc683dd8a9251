#!/usr/bin/env python3
"""Put other makers' programs into .tools/bin from the Debian archive: unpacked, never installed.

    python3 tools/fetch_debian.py [PROGRAM ...]      (default: all of them)

Best effort: exit 0 when all run, 1 with one loud line when not. Tests that need them then skip, or fail under CI=true.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent / ".tools"
PROGRAMS = ("skopeo", "umoci", "docker-registry", "podman", "kubectl")
PACKAGES = {"kubectl": "kubernetes-client"}  # the others are named as their packages
SAYS_VERSION = {"kubectl": ("version", "--client")}
# Libraries of skopeo and podman that a slim image lacks, as bookworm and as trixie name them: each where it is to be
# had. And what podman looks for before it does anything.
LIBRARIES = ("libgpgme11", "libgpgme11t64", "libassuan0", "libassuan9", "libdevmapper1.02.1", "libsubid4", "libsubid5")
BESIDE = (*LIBRARIES, "libseccomp2", "conmon", "runc")
NEED_BESIDE = frozenset({"skopeo", "podman"})
UPDATES = 3  # apt-get update was once seen to succeed with only a part of the index
SECONDS = 120

# No policy file is installed, and these tools read what the tests have just written.
WRAPPER = """#!/bin/sh
root="$(cd "$(dirname "$0")/../debian" && pwd)"  # wherever the checkout was moved to
unset AWS_CA_BUNDLE  # docker-registry 2.8.2 panics where it is set
export LD_LIBRARY_PATH="$(echo "$root"/usr/lib/*-linux-gnu | tr ' ' ':'):$(echo "$root"/lib/*-linux-gnu | tr ' ' ':')"
exec "$root/usr/bin/{program}" {flags} "$@"
"""
FLAGS = {"skopeo": "--insecure-policy"}


def works(program: str | Path) -> bool:
    """Tell whether it starts: the proof that it and its libraries are there."""
    try:
        asked = SAYS_VERSION.get(Path(program).name, ("--version",))
        answer = subprocess.run([program, *asked], check=False, capture_output=True, timeout=SECONDS)
    except OSError:
        return False
    return answer.returncode == 0


def present(program: str) -> bool:
    """Tell whether the tests will find it, here or on the PATH."""
    found = shutil.which(program)
    return works(TOOLS / "bin" / program) or (found is not None and works(found))


def apt(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Call apt-get and return what it said, in English; it keeps no password and asks no question."""
    return subprocess.run(
        ["apt-get", "--quiet", "--option", "Acquire::Retries=3", *arguments],
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def download(package: str, folder: Path) -> str:
    """Download one package into a folder; return the reason when it is not to be had."""
    answer = apt("download", package, cwd=folder)
    return "" if answer.returncode == 0 else (answer.stderr.strip().splitlines() or ["no reason given"])[-1]


def fetch(folder: Path, programs: Sequence[str] = PROGRAMS) -> str:
    """Download their packages, updating apt's index when it lacks one; return the reason when it still does."""
    reason = ""
    for attempt in range(UPDATES + 1):
        if attempt:
            apt("update")
        reason = next(filter(None, (download(PACKAGES.get(one, one), folder) for one in programs)), "")
        if not reason:
            break
    for package in BESIDE if NEED_BESIDE & set(programs) else ():
        download(package, folder)
    return reason


def unpack(folder: Path, programs: Sequence[str] = PROGRAMS) -> None:
    """Unpack the packages into .tools and write one wrapper for each program."""
    root = TOOLS / "debian"
    (TOOLS / "bin").mkdir(parents=True, exist_ok=True)
    for package in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg", "--extract", package, root], check=True, timeout=SECONDS)
    for program in programs:
        wrapper = TOOLS / "bin" / program
        wrapper.write_text(WRAPPER.format(program=program, flags=FLAGS.get(program, "")))
        wrapper.chmod(0o755)


def main(wanted: Sequence[str] = PROGRAMS) -> int:
    """Fetch what is missing of these and prove that it runs."""
    if strangers := [program for program in wanted if program not in PROGRAMS]:
        print(f"{strangers[0]} is not known here: there are {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    missing = [program for program in wanted if not present(program)]  # a newer one on the PATH is better
    if not missing:
        return 0
    reason = "this machine has no apt-get"
    if shutil.which("apt-get"):
        with tempfile.TemporaryDirectory(prefix="shale-debian-") as folder:
            reason = fetch(Path(folder), missing)
            unpack(Path(folder), missing)
    missing = [program for program in wanted if not present(program)]
    if missing:
        why = reason or "they do not start"
        print(
            f"!!! {' and '.join(missing)} not to be had ({why}): nothing is proven with what is missing",
            file=sys.stderr,
        )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or PROGRAMS))
