"""Which folders of this machine may be read: declared prefixes and where they really are."""

import os
from pathlib import Path

import msgspec


class Root(msgspec.Struct, frozen=True):
    """Paths below `prefix`, as people write them, lie below `folder`, as this machine has it."""

    prefix: str
    folder: Path


class Roots(msgspec.Struct, frozen=True):
    """All that may be read; nothing by default."""

    roots: tuple[Root, ...] = ()

    def place(self, path: str) -> tuple[Root, str] | None:
        """Return the root of a declared path (the longest prefix wins) and what follows it; None outside of all."""
        if not path.startswith("/") or ".." in path.split("/"):
            return None
        path = os.path.normpath("/" + path.lstrip("/"))
        within = [root for root in self.roots if path == root.prefix or path.startswith(root.prefix.rstrip("/") + "/")]
        root = max(within, key=lambda one: len(one.prefix), default=None)
        return (root, path[len(root.prefix) :].lstrip("/")) if root else None


def parse(text: str, *, here: bool = True) -> Roots:
    """Read `/models=/home/me/models,/data` (a prefix alone is its own folder); ValueError names what is wrong.

    `here`: folders of this machine, their links followed; else of machines that follow their own.
    """
    return Roots(tuple(_root(piece.strip(), here=here) for piece in text.split(",") if piece.strip()))


def _root(text: str, *, here: bool) -> Root:
    prefix, _, folder = text.partition("=")
    for path in (prefix, folder or prefix):
        if not path.startswith("/"):
            raise ValueError(f"the root {text!r} is not of the form /prefix=/folder: {path!r} is no absolute path")
    real = os.path.realpath(folder or prefix) if here else os.path.normpath(folder or prefix)
    return Root(os.path.normpath(prefix), Path(real))
