"""What the other side has, as a text that is easy to carry: one digest a line, and `#` before what is for people."""

from pathlib import Path

from shale.cli.exits import CliError
from shale.oci import digest as digests

LARGEST = 16 * 2**20
"""Bytes of such a list: 200,000 digests."""


def write(name: str, found: list[str]) -> list[str]:
    """Return the lines of a list."""
    return [f"# what {name} consists of, for: shale export IMAGE FILE.tar --lacks THIS-FILE", *found]


def read(path: Path) -> frozenset[str]:
    """Read one or several lists in one file. Raises CliError with the line that is none."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise CliError(f"{path} cannot be read ({error.strerror}): make it with `shale import --list IMAGE`") from error
    if len(data) > LARGEST:
        raise CliError(f"{path} is larger than {LARGEST} bytes: it is no list of digests")
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    found = {at: line for at, line in enumerate(lines, 1) if line and not line.startswith("#")}
    wrong = next((at for at, line in found.items() if not digests.valid(line)), None)
    if wrong is not None:
        raise CliError(
            f"{path}, line {wrong}: {found[wrong][:80]!r} is no digest: make it with `shale import --list IMAGE`"
        )
    return frozenset(found.values())
