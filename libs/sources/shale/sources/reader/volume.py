"""What one reader reads: a folder of the volume that is mounted into it."""

from pathlib import Path

import msgspec

from shale.sources.filesystem import FileSystem, open_below
from shale.sources.roots import Root
from shale.sources.source import Unscannable


class Volume(msgspec.Struct, frozen=True):
    """What is read: `folder` below the mount, named `title` in messages, for who has the token of this proof."""

    title: str
    mount: Path
    folder: str
    path: str
    """The path of the one claim and generation that is served."""
    proof: str

    def open(self) -> FileSystem | Unscannable:
        """Return the folder, found anew: a link to a version may move between two jobs, never amid a file."""
        return open_below(self.title, Root("its volume", self.mount.resolve()), self.folder)

    def missing(self) -> Unscannable | None:
        """Return why the folder cannot be read just now. Raises Transient."""
        source = self.open()
        found = source if isinstance(source, Unscannable) else source.resolve()
        return found if isinstance(found, Unscannable) else None
