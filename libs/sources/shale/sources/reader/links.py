"""Where the links of a listing lead, through one another: found without a disk. Pure."""

from collections.abc import Mapping

LONGEST = 100
"""Links that follow one another: more were made to be followed by nobody."""


class LeavesError(Exception):
    """A link leads out of the folder, or to no end; it carries the link's path."""


def check(links: Mapping[str, str]) -> None:
    """Follow every link; LeavesError names the first that leads out. Their own folders are no links."""
    links_to = _Links(links)
    for path in links:
        try:
            links_to.real(path, 0)
        except LeavesError:
            raise LeavesError(path) from None


class _Links:
    """Finds each link's end once; what is no link is taken as it is written, whether it is there or not."""

    def __init__(self, links: Mapping[str, str]) -> None:
        self._links = links
        self._ends: dict[str, str] = {}

    def real(self, path: str, depth: int) -> str:
        if path in self._ends:
            return self._ends[path]
        if depth > LONGEST:
            raise LeavesError(path)
        self._ends[path] = path  # who comes back here meanwhile goes in circles, and nowhere
        self._ends[path] = self._walked(path.rpartition("/")[0], self._links[path], depth)
        return self._ends[path]

    def _walked(self, at: str, link: str, depth: int) -> str:
        for part in link.split("/"):
            if part in {"", "."}:
                continue
            if part != "..":
                at = f"{at}/{part}" if at else part
                at = self.real(at, depth + 1) if at in self._links else at
            elif at:
                at = at.rpartition("/")[0]
            else:
                raise LeavesError(link)
        return at
