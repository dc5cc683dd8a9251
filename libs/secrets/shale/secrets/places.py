"""Where a credential may go: a host and perhaps a path below it, as people write them into Docker's configuration.

Kubernetes documentation, "Images", "Interpretation of config.json": `*` stands for (a part of) one label of the host,
and a path is a prefix; containers-auth.json(5): of several that fit, the most specific one wins.
"""

import re
from collections.abc import Iterable

import msgspec

HUB = "docker.io"
_ALIASES = frozenset({"index.docker.io", "registry-1.docker.io"})
"""Docker Hub goes by the name of its images, of its first index, and of its registry."""

_HOST = re.compile(r"([a-z0-9*]([a-z0-9*._-]*[a-z0-9*])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_VERSION = re.compile(r"v[12]")
_LONGEST = 512


class Place(msgspec.Struct, frozen=True, order=True):
    """A host, with its port when that is not 443, and a path below it: `ghcr.io` `team`."""

    host: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.host}/{self.path}" if self.path else self.host


def host(text: str) -> str:
    """Return the one name of a host: in lower case, without port 443, `docker.io` for all of Docker Hub's."""
    name = text.lower().removesuffix(":443")
    return HUB if name in _ALIASES else name


def parse(text: str) -> Place | None:
    """Read `https://index.docker.io/v1/`, `ghcr.io/team`, `*.example:5000`; None when no host stands there."""
    name, *parts = text.strip().rpartition("://")[2].split("/")
    if len(text) > _LONGEST or not _HOST.fullmatch(name.lower()):
        return None
    if parts and _VERSION.fullmatch(parts[0]):  # the API's version is no part of a repository's name
        parts = parts[1:]
    return Place(host(name), "/".join(part for part in parts if part))


def covers(place: Place, name: str, repo: str) -> bool:
    """Tell whether the repository `repo` on a host lies at the place or below it."""
    within = not place.path or f"{repo}/".startswith(f"{place.path}/")
    return within and _same(place.host, host(name))


def best(known: Iterable[Place], name: str, repo: str) -> Place | None:
    """Return the most specific place that covers a repository: a name before a pattern, a longer path first."""
    fitting = [place for place in known if covers(place, name, repo)]
    return max(fitting, key=lambda place: ("*" not in place.host, len(place.path), len(place.host)), default=None)


def _same(pattern: str, name: str) -> bool:
    """Compare label by label, so that a `*` never crosses a dot; ports must be equal."""
    if "*" not in pattern:
        return pattern == name
    (left, _, wanted), (right, _, port) = pattern.partition(":"), name.partition(":")
    labels = list(zip(left.split("."), right.split("."), strict=False))
    return wanted == port and left.count(".") == right.count(".") and all(_label(one, two) for one, two in labels)


def _label(pattern: str, label: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), label) is not None
