"""`shale-blueprint write|check`: everything generated is committed, and never edited."""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from shale.blueprint.closure import UnpinnedError
from shale.blueprint.tree import MEND, Plan, apply, plan
from shale.runtime.installed import services

WORKSPACE = "shale-workspace"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Return 0, or 1 when something differs or may not be changed."""
    said = _parser().parse_args(arguments)
    root = said.root or _workspace(Path.cwd())
    if root is None:
        print(f"{Path.cwd()} is not in Shale's workspace: go there, or name it with --root", file=sys.stderr)
        return 1
    try:
        found = plan(root, services())
    except UnpinnedError as error:
        return _complain([str(error)])
    for note in found.notes:
        print(f"note: {note}")
    return check(root, found) if said.command == "check" else write(root, found, breaking=said.breaking)


def check(root: Path, found: Plan) -> int:
    """Say what differs, and how to mend it."""
    differs = {True: "is not what the Structs and cards print", False: "is wanting"}
    lines = [f"{path} {differs[(root / path).exists()]}: {MEND}" for path in found.pages]
    lines += [f"{path} is printed by nothing any more: {MEND}" for path in found.strays]
    return _complain([*lines, *found.wrong, *found.refused])


def write(root: Path, found: Plan, *, breaking: bool) -> int:
    """Print what differs, unless that would break who reads what was published."""
    if found.refused and not breaking:
        cure = "nothing was written: say a new fact beside the old one (--breaking: write it all the same)"
        return _complain([*found.refused, cure])
    apply(root, found)
    for path in found.pages:
        print(f"wrote {path}")
    for path in found.strays:
        print(f"took away {path}")
    return _complain(found.wrong)


def _complain(lines: Sequence[str]) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


def _workspace(folder: Path) -> Path | None:
    """Return the nearest folder above that is Shale's workspace."""
    for root in (folder, *folder.parents):
        page = root / "pyproject.toml"
        if page.is_file() and tomllib.loads(page.read_text()).get("project", {}).get("name") == WORKSPACE:
            return root
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shale-blueprint", description="Print what is generated: CRDs, schemas, AsyncAPI, who may do what, map."
    )
    parser.add_argument("--root", type=Path, help="the workspace (default: the one around this folder)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="say which committed file differs from what would be printed, and how to mend it")
    writing = commands.add_parser("write", help="print what differs")
    writing.add_argument("--breaking", action="store_true", help="even where it breaks readers of what was published")
    parser.set_defaults(breaking=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
