"""Where a pulled image goes: into a folder beside the wanted one first, which takes its place once all is proven."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from shale.cli.exits import CliError
from shale.oci import disk


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
def fresh(folder: Path) -> Generator[Path]:
    """Yield an empty folder beside `folder`, which becomes it at the end; when anything is raised, nothing remains.

    What a killed pull left there is removed: its lock is free. Raises CliError while another one is at work.
    """
    beside = folder.with_name(f".{folder.name}.shale-pull")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir(exist_ok=True)
        fd = os.open(beside, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        cure = "give a folder in one that you may write to"
        raise CliError(f"{folder} cannot be made in {folder.parent} ({error.strerror}): {cure}") from error
    try:
        if not disk.try_lock(fd):
            raise CliError(f"another pull into {folder} is at work: wait for it, or give another folder")
        _clear(beside)
        try:
            yield beside
            beside.replace(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    finally:
        os.close(fd)


def _clear(folder: Path) -> None:
    for found in folder.iterdir():
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        else:
            found.unlink()
