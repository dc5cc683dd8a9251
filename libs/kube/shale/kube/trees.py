"""Objects of any kind as plain manifests, in a list."""

from typing import Any

import msgspec

Tree = dict[str, Any]


class Trees(msgspec.Struct, frozen=True):
    """All objects of a kind as of `resource_version`: a watch from there on misses nothing."""

    items: tuple[Tree, ...]
    resource_version: str
