#!/usr/bin/env python3
"""Put what the packing bench measures Shale against into .tools/peers: unpacked, never installed.

    python3 tools/fetch_peers.py

Programs and the registry come from Debian's newest suite, as this machine's own archive serves it, with the libc that
they were built for: bookworm's are built with a Go whose sha256 does without the processor's instructions. oras-py gets
an environment of its own. Best effort: what is not to be had is one line, and the bench says that it was not measured.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent / ".tools"
PEERS = TOOLS / "peers"
SUITE = "sid"
ORAS = "oras==0.2.43"
PROGRAMS = ("docker-registry", "buildah", "skopeo", "umoci", "crane")
# What they are linked with, and what that is linked with in its turn; netavark is what buildah wants to see.
LIBRARIES = (
    *("libc6", "libgpgme45", "libassuan9", "libgpg-error0", "libseccomp2", "libsqlite3-0", "libsubid6", "libaudit1"),
    *("libselinux1", "libpcre2-8-0", "libcap-ng0", "libacl1", "libattr1", "libbsd0", "libmd0", "libcrypt1", "libpam0g"),
    *("libsemanage2", "libsepol2", "libbz2-1.0", "libeconf0", "libgcc-s1", "netavark"),
)
SAYS_VERSION = {"crane": ("version", "--help")}
SECONDS = 120
INTERPRETER = 3  # PT_INTERP: which program loads this one

WRAPPER = """#!/bin/sh
unset AWS_CA_BUNDLE
export LD_LIBRARY_PATH="{libraries}"
exec "{program}" "$@"
"""

APT = """Dir::State "{here}/state"; Dir::State::status "{here}/status"; Dir::Cache "{here}/cache";
Dir::Etc::SourceList "{here}/suite.sources"; Dir::Etc::SourceParts "/dev/null";
Acquire::Languages "none"; Acquire::Retries "3"; APT::Sandbox::User "root";
"""

SOURCES = """Types: deb
URIs: {uri}
Suites: {suite}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def run(
    *command: str | Path, cwd: Path | None = None, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end, with English messages; an environment of one's own on top."""
    env = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(environ or {})}
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env=env, check=False, capture_output=True, text=True, timeout=SECONDS
    )


def archive() -> str:
    """Return the archive of this machine, or nothing."""
    answer = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(SUITE)", "Created-By: Packages")
    found = (line.split()[0] for line in answer.stdout.splitlines() if "security" not in line)
    return next(found, "")


def private(here: Path, uri: str) -> dict[str, str]:
    """Return the environment in which apt knows the newest suite alone: this machine's own lists stay as they are."""
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (here / folder).mkdir(parents=True, exist_ok=True)
    (here / "status").touch()
    (here / "suite.sources").write_text(SOURCES.format(uri=uri, suite=SUITE))
    (here / "apt.conf").write_text(APT.format(here=here))
    return {"APT_CONFIG": str(here / "apt.conf")}


def reinterpreted(program: bytes, interpreter: str) -> bytes:
    """Return a program (ELF, 64 bits) that is loaded by another one; one that needs no loader stays as it is.

    The kernel reads the loader's path wherever the file has it, so the new one is added at the end.
    """
    (table,) = struct.unpack_from("<Q", program, 0x20)
    entry, count = struct.unpack_from("<HH", program, 0x36)
    made = bytearray(program)
    path = interpreter.encode() + b"\0"
    for at in range(table, table + entry * count, entry):
        if struct.unpack_from("<I", program, at)[0] == INTERPRETER:
            struct.pack_into("<Q", made, at + 8, len(program))
            struct.pack_into("<QQ", made, at + 32, len(path), len(path))
            return bytes(made + path)
    return program


def go_version(program: bytes) -> str:
    """Return the Go that built a program, or nothing: 32 bytes behind the magic, its length before it."""
    at = program.find(b"\xff Go buildinf:")
    length = program[at + 32] if at >= 0 else 0
    return program[at + 33 : at + 33 + length].decode("ascii", "replace")


def install(root: Path, name: str) -> None:
    """Make one program of the unpacked suite run here: with its own loader and its own libraries."""
    interpreter = next(iter(sorted(root.glob("usr/lib*/ld-linux-*.so.*"))))
    program = root / "usr" / "bin" / name
    program.write_bytes(reinterpreted(program.read_bytes(), str(interpreter)))
    libraries = ":".join(str(path) for path in sorted(root.glob("usr/lib/*-linux-gnu")))
    wrapper = PEERS / "bin" / name
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(WRAPPER.format(libraries=libraries, program=program))
    wrapper.chmod(0o755)


def works(name: str) -> bool:
    """Tell whether it starts: the proof that it and its libraries are there."""
    program = PEERS / "bin" / name
    return program.exists() and run(program, *SAYS_VERSION.get(name, ("--version",))).returncode == 0


def fetch(here: Path, missing: list[str]) -> str:
    """Fetch and unpack programs; return why not when they are not to be had."""
    uri = archive() if shutil.which("apt-get") else ""
    if not uri:
        return "this machine has no apt-get with an archive"
    environ, root, debs = private(here, uri), PEERS / "debian", here / "debs"
    debs.mkdir()
    run("apt-get", "--quiet", "update", environ=environ)
    reason = ""
    for package in (*missing, *LIBRARIES):
        answer = run("apt-get", "--quiet", "download", package, cwd=debs, environ=environ)
        if answer.returncode:
            reason = reason or (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
    for package in sorted(debs.glob("*.deb")):
        run("dpkg", "--extract", package, root)
    known = PEERS / "versions.json"
    versions: dict[str, dict[str, str]] = json.loads(known.read_text()) if known.exists() else {}
    for name in missing:
        if (root / "usr" / "bin" / name).exists():
            package = next(debs.glob(f"{name}_*.deb"))
            version = run("dpkg-deb", "--field", package, "Version").stdout.strip()
            go = go_version((root / "usr" / "bin" / name).read_bytes())
            versions[name] = {"version": version, "go": go, "from": f"Debian {SUITE}"}
            install(root, name)
    known.write_text(json.dumps(versions, indent=2) + "\n")
    return reason


def fetch_oras() -> str:
    """Give oras-py an environment of its own; return why not when it is not to be had."""
    home = PEERS / "oras"
    if (home / "bin" / "python").exists() and run(home / "bin" / "python", "-c", "import oras.client").returncode == 0:
        return ""
    made = run(sys.executable, "-m", "venv", home)
    if made.returncode == 0:
        made = run(home / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet", ORAS)
    return (made.stderr.strip().splitlines() or ["no reason given"])[-1] if made.returncode else ""


def main() -> int:
    """Fetch what is missing and prove that it runs; 1 when something is not to be had."""
    missing = [name for name in PROGRAMS if not works(name)]
    PEERS.mkdir(parents=True, exist_ok=True)
    reason = ""
    if missing:
        with tempfile.TemporaryDirectory(prefix="shale-peers-") as folder:
            reason = fetch(Path(folder), missing)
    for name in (missing := [name for name in missing if not works(name)]):
        print(f"!!! {name} not to be had ({reason or 'it does not start'}): it is not measured", file=sys.stderr)
    if why := fetch_oras():
        print(f"!!! oras-py not to be had ({why}): it is not measured", file=sys.stderr)
    return 1 if missing or why else 0


if __name__ == "__main__":
    sys.exit(main())
