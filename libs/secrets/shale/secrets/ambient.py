"""Who may push as the machine itself: the operator's list, empty by default.

The machine's identity is Shale's own. A namespace that could name any repository would write with it wherever Shale
may.
"""

import msgspec

from shale.secrets import names, places
from shale.secrets.places import Place


class Ambient(msgspec.Struct, frozen=True):
    """`(namespace, place)` of each grant."""

    grants: tuple[tuple[str, Place], ...] = ()

    def allows(self, namespace: str, host: str, repo: str) -> bool:
        """Tell whether objects of a namespace may use the machine's identity for a repository."""
        return any(who == namespace and places.covers(place, host, repo) for who, place in self.grants)


def parse(text: str) -> Ambient:
    """Read `team-a=europe-docker.pkg.dev/project/models, team-b=...`; ValueError names what is wrong."""
    return Ambient(tuple(_grant(piece.strip()) for piece in text.split(",") if piece.strip()))


def _grant(text: str) -> tuple[str, Place]:
    namespace, _, repository = text.partition("=")
    place = places.parse(repository)
    if not names.is_namespace(namespace) or place is None or not place.path or "*" in place.host:
        raise ValueError(f"{text!r} is not of the form namespace=host/repository, such as team-a=gcr.io/project")
    return namespace, place
