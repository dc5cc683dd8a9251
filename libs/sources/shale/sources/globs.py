"""Which paths are wanted: comma-separated globs, as the hubs and git users write them.

A pattern without `/` matches a name anywhere, one with `/` the path from the top; `**` stands for any number of
folders. Who matches a folder matches all that is in it. Time is linear in both, for both come from strangers.
"""

from fnmatch import fnmatchcase

import msgspec

Pattern = tuple[str, ...]


class Globs(msgspec.Struct, frozen=True):
    """What is wanted, and what of it is not."""

    include: tuple[Pattern, ...]
    exclude: tuple[Pattern, ...]

    @property
    def filtering(self) -> bool:
        """Whether anything is said at all."""
        return bool(self.include or self.exclude)

    def excludes(self, path: str) -> bool:
        """Whether this path, and so all below it, is unwanted."""
        return any(_matches(pattern, path.split("/")) for pattern in self.exclude)

    def wants(self, path: str) -> bool:
        """Whether this file or link is wanted, by its own name or by a folder that holds it."""
        parts = path.split("/")
        heads = [parts[:length] for length in range(1, len(parts) + 1)]
        return not self.include or any(_matches(pattern, head) for pattern in self.include for head in heads)


def parse(include: str, exclude: str) -> Globs:
    """Read both lists; empty pieces mean nothing."""
    return Globs(_patterns(include), _patterns(exclude))


def _patterns(text: str) -> tuple[Pattern, ...]:
    return tuple(_pattern(piece.strip()) for piece in text.split(",") if piece.strip().strip("/"))


def _pattern(text: str) -> Pattern:
    parts = tuple(text.strip("/").split("/"))
    return parts if "/" in text.rstrip("/") else ("**", *parts)


def _matches(pattern: Pattern, path: list[str]) -> bool:
    """Walk the pattern and keep the set of places in the path that it may have come to."""
    places = {0}
    for part in pattern:
        if part == "**":
            places = set(range(min(places), len(path) + 1))
        else:
            places = {place + 1 for place in places if place < len(path) and fnmatchcase(path[place], part)}
        if not places:
            return False
    return len(path) in places
