"""Where a version's weights lie in a cluster: as a volume to be made, or a claim that is there. Pure."""

from typing import Any

import msgspec


class Place(msgspec.Struct, frozen=True):
    """What a reader mounts, and the folder in it. `title` is how a person names it."""

    title: str
    folder: str = ""
    source: dict[str, Any] = {}
    """The volume's source, as a PersistentVolume says it; empty for a claim that is there."""
    options: tuple[str, ...] = ()
    node: str = ""
    claim: str = ""
    """A claim that is there."""
