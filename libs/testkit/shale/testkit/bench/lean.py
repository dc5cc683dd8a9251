"""A service as its image has it: it sees the distributions that it needs, and no others that lie here for tests."""

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from shale.blueprint.closure import needed

NOT_OURS = frozenset({"..", "__pycache__"})


def command(name: str) -> tuple[str, ...]:
    """Return the command that runs it, without the site's packages."""
    return (sys.executable, "-S", "-m", "shale.runtime", name)


def environ(name: str, folder: Path) -> Mapping[str, str]:
    """Return where it finds what it needs: `folder`, which is filled with links, and our own members' folders."""
    folder.mkdir()
    members: list[str] = []
    for path in sorted({path for one in needed(f"shale-{name}") for path in _installed(one)}):
        if path.suffix == ".pth":
            members += [line for line in path.read_text().splitlines() if line.startswith("/")]
        else:
            (folder / path.name).symlink_to(path)
    return {"PYTHONPATH": ":".join((str(folder), *members))}


def _installed(one: str) -> set[Path]:
    """Return what a distribution has put beside the others: packages, modules, and where an editable one lies."""
    try:
        found = distribution(one)
    except PackageNotFoundError:  # needed on another Python than this one
        return set()
    names = {file.parts[0] for file in found.files or () if file.parts[0] not in NOT_OURS}
    return {Path(str(found.locate_file(name))) for name in names}
