"""A service as its image has it: it sees the distributions that it needs, and no others that lie here for tests."""

import re
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[5]
PINNED = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)
OURS = re.compile(r"shale-[a-z-]+")
NOT_OURS = frozenset({"..", "__pycache__"})


def command(name: str) -> tuple[str, ...]:
    """Return the command that runs it, without the site's packages."""
    return (sys.executable, "-S", "-m", "shale.runtime", name)


def environ(name: str, folder: Path) -> Mapping[str, str]:
    """Return where it finds what it needs: `folder`, which is filled with links, and our own members' folders."""
    folder.mkdir()
    members: list[str] = []
    pins = PINNED.findall((ROOT / "deploy" / "images" / "requirements" / f"{name}.txt").read_text())
    for path in sorted({path for one in (*pins, *_ours(f"shale-{name}")) for path in _installed(one)}):
        if path.suffix == ".pth":
            members += [line for line in path.read_text().splitlines() if line.startswith("/")]
        else:
            (folder / path.name).symlink_to(path)
    return {"PYTHONPATH": ":".join((str(folder), *members))}


def _ours(name: str) -> set[str]:
    """Return the names of a member and of the members that it needs."""
    found = {name}
    for line in distribution(name).requires or ():
        if (other := OURS.match(line)) and "extra ==" not in line:
            found |= _ours(other[0])
    return found


def _installed(one: str) -> set[Path]:
    """Return what a distribution has put beside the others: packages, modules, and where an editable one lies."""
    try:
        found = distribution(one)
    except PackageNotFoundError:  # needed on another Python than this one
        return set()
    names = {file.parts[0] for file in found.files or () if file.parts[0] not in NOT_OURS}
    return {Path(str(found.locate_file(name))) for name in names}
