"""A blob on its way into a registry: in one body where it is small or must be, else in parts."""

from collections.abc import Callable
from contextlib import closing

import msgspec

from shale.oci.distribution import committing
from shale.oci.distribution.committing import Broken, Large, Spoilt
from shale.oci.distribution.pace import Pace
from shale.oci.distribution.parts import Parts
from shale.oci.distribution.repository import Repository
from shale.oci.distribution.session import Session
from shale.oci.reel import Other, Reel
from shale.oci.registry import Body, Mismatch, Pushed, unheard

_SMALL = 2**22
"""Bytes that are read twice, for their digest and to be sent, to spare a request."""


class Place(msgspec.Struct, frozen=True):
    """Where an upload stands, for another process; `url` opens it to its reader."""

    repo: str
    url: str


class BlobUpload:
    """See `registry.Upload`."""

    def __init__(self, repo: Repository, known: str, place: str = "") -> None:
        """Take an upload up where one still stands at `place`."""
        self._repo, self._known = repo, known
        self._parts = Parts(*_taken_up(repo, place))
        self._kept = self._done = False

    def place(self) -> str:
        """Return the place, once a part was sent and where the registry's word on what it holds is worth something."""
        if not self._parts.held or not resumable(self._repo):
            return ""
        return msgspec.json.encode(Place(self._repo.name, self._parts.session.url)).decode()

    def keep(self) -> str:
        """Return the place, and leave the upload there."""
        self._kept = bool(place := self.place())
        return place

    def send(
        self, body: Body, expected: str | None = None, moved: Callable[[int], None] = unheard
    ) -> Pushed | Mismatch:
        """See `Upload.send`."""
        pace = Pace(self._repo.client.heed, moved)
        with closing(Reel(body, expected or self._known, pace.tell)) as reel:
            try:
                pushed = self._published(reel, expected or self._known, pace)
            except Other as other:
                self._spoilt()
                return other.mismatch
            except Spoilt:
                self._spoilt()
                raise
        self._done = True
        return pushed

    def leave(self) -> None:
        """Give the upload up, unless it is published or kept."""
        if not self._done and not self._kept:
            self._parts.session.cancel()

    def _spoilt(self) -> None:
        self._kept, self._parts.held = False, 0

    def _published(self, reel: Reel, digest: str, pace: Pace) -> Pushed:
        if not self._parts.held and (pushed := self._one_body(reel, digest)):
            return pushed
        self._parts.send(reel, pace)
        pushed = reel.pushed()
        if not digest and committing.there(self._repo, pushed):
            self._parts.session.cancel()
            return pushed
        return committing.last(self._parts.session, pushed)

    def _one_body(self, reel: Reel, digest: str) -> Pushed | None:
        """Publish by one PUT what goes so; None when it does not, or is too large for one."""
        profile, largest = self._repo.profile, self._repo.client.largest
        fits = reel.size <= min(profile.part_bytes, largest) or profile.upload == "whole"
        small = reel.size <= min(profile.part_bytes, largest, _SMALL)
        if not (small or (digest and fits)):
            return None
        pushed = Pushed(digest, reel.size) if digest and reel.size else reel.pushed()
        parts = profile.upload == "parts" and reel.size > profile.least_part
        try:
            return committing.whole(self._parts.session, reel.span(0, reel.size), pushed, parts=parts)
        except Large as large:
            self._parts.smaller(reel.size, large)
        except Broken:
            self._parts.gentler(reel.size)
            self._parts.session.cancel()
        return None


def resumable(repo: Repository) -> bool:
    """Say whether an upload to a repository can be taken up where it stands."""
    return repo.profile.upload == "parts" and repo.profile.counts


def _taken_up(repo: Repository, place: str) -> tuple[Session, int]:
    """Return the upload at a place, and how many bytes it holds; a new one where there is none any more."""
    if not place:
        return Session(repo), 0
    found = msgspec.json.decode(place, type=Place)
    if found.repo != repo.name:
        raise ValueError(f"a place in {found.repo} is none in {repo.name}")
    session = Session(repo, repo.client.lead(repo.client.base, found.url))
    held = session.held()
    return (session, held) if held else (Session(repo), 0)
