"""Where a pulled image goes: into a folder beside the wanted one first, which takes its place once all is proven.

What is left of a pull that was cut is at hand for the next one, which checks it as anything else that is at hand.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from shale.cli.exits import CliError
from shale.cli.screen import note
from shale.contracts.errors import Transient
from shale.oci import disk

MARK = ".shale-pull"
"""How the name of a place ends in which a pull is at work."""
_FILES, _BEFORE = "files", "before"


class Coming(msgspec.Struct, frozen=True):
    """A pull on its way: `files` are those of this one, `before` what lies there of one that was cut."""

    files: Path
    before: Path

    def spend(self, paths: tuple[str, ...]) -> frozenset[str]:
        """Let go of what lay there of files that are whole now: twice they would fill the disk. Return its names."""
        spent = [self.before / path for path in paths]
        for path in spent:
            with suppress(OSError):
                path.unlink()
        return frozenset(str(path) for path in spent)

    def set_aside(self) -> None:
        """Begin again: what came so far is at hand."""
        if self.files.exists():
            _merge(self.files, self.before)
        _clear(self.files)
        self.files.mkdir()


def check_free(folder: Path) -> None:
    """Raise CliError unless the folder is new or empty."""
    try:
        no_folder = folder.is_symlink() or (folder.exists() and not folder.is_dir())
        full = not no_folder and folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise CliError(f"{folder} cannot be looked into ({error.strerror}): give another folder") from error
    if no_folder:
        raise CliError(f"{folder} is no folder: give a new one")
    if full:
        raise CliError(
            f"{folder} is not empty: give a new folder, or --force to write over the files of the image in it"
        )


@contextmanager
def fresh(folder: Path) -> Generator[Coming]:
    """Yield what becomes `folder` at its end, from beside it."""
    beside = folder.with_name(f".{folder.name}{MARK}")
    with _coming(folder, beside) as coming:
        yield coming
        coming.files.replace(folder)


@contextmanager
def within(folder: Path) -> Generator[Coming]:
    """Yield what is to be moved over the files of `folder`, from a place in it: it may be a disk of its own."""
    with _coming(folder, folder / MARK) as coming:
        yield coming


@contextmanager
def _coming(folder: Path, place: Path) -> Generator[Coming]:
    """Make the place, alone. Raises CliError while another pull is at work there.

    What passes, or somebody can mend (a full disk), leaves what came: the next pull goes on from there. Nothing remains
    when anything else is raised, or nothing came.
    """
    fd = _locked(folder, place)
    try:
        coming = Coming(place / _FILES, place / _BEFORE)
        _only(place)
        coming.set_aside()
        yield coming
    except (Transient, KeyboardInterrupt):
        if any(path.is_file() for path in place.rglob("*")):
            note(f"what came so far lies in {place}: the same pull goes on from there")
        else:
            shutil.rmtree(place, ignore_errors=True)
        raise
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    else:
        shutil.rmtree(place, ignore_errors=True)
    finally:
        os.close(fd)


def _locked(folder: Path, place: Path) -> int:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir(exist_ok=True)
        fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        above = next(path for path in folder.parents if os.path.lexists(path))
        why = error.strerror if above.is_dir() else f"{above} is no folder"
        cure = "give a folder in one that you may write to"
        raise CliError(f"{folder} cannot be made in {folder.parent} ({why}): {cure}") from error
    if not disk.try_lock(fd):
        os.close(fd)
        raise CliError(f"another pull into {folder} is at work: wait for it, or give another folder")
    return fd


def _only(place: Path) -> None:
    """Remove what is not ours to go on from."""
    for found in place.iterdir():
        if found.name not in {_FILES, _BEFORE} or found.is_symlink():
            _clear(found)


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _merge(source: Path, target: Path) -> None:
    """Move files from one folder into another; of two at one place, the longer stays. Links are not kept."""
    for above, _, names in os.walk(source):
        for name in names:
            came = Path(above, name)
            there = target / came.relative_to(source)
            if came.is_symlink() or not came.is_file():
                continue
            with suppress(OSError):  # what cannot be kept is fetched again
                there.parent.mkdir(parents=True, exist_ok=True)
                if not there.exists() or there.stat().st_size <= came.stat().st_size:
                    came.replace(there)
