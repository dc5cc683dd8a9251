"""A repository as one end of what is carried: opened, asked who may, and read as a whole image."""

import os
from collections.abc import Iterable

import msgspec

from shale.cli import images, registries
from shale.cli.common import Common
from shale.cli.exits import CliError, usage
from shale.cli.images import Reference
from shale.cli.referrers import referrers
from shale.cli.registries import Reach
from shale.oci import manifest, names, whole
from shale.oci.descriptor import Descriptor
from shale.oci.registry import Registry
from shale.oci.whole import Whole
from shale.runtime.beat import Beat


class Place(msgspec.Struct, frozen=True):
    """One repository: its registry, its own name, the host (none of a folder's), and what a person calls the registry.

    It is a `whole.Reader`.
    """

    registry: Registry
    repo: str
    host: str
    where: str

    def manifest(self, digest: str) -> bytes | None:
        """See `whole.Reader`."""
        return self.registry.manifest(self.repo, digest)

    def referrers(self, digest: str) -> Iterable[Descriptor]:
        """See `whole.Reader`."""
        return referrers(self.registry, self.repo, digest)


def opened(common: Common, repo: str, reach: Reach, beat: Beat) -> Place:
    """Open the registry of a repository; whatever waits there heeds the beat. Raises CliError, Transient."""
    store = registries.opened(common, repo, reach, pause=beat.pause)
    host, _ = registries.host_of(common, repo, os.environ)
    return Place(store.registry, repo, host, store.where)


def beside(common: Common, repo: str, place: Place, reach: Reach, beat: Beat) -> Place:
    """Open another repository: of the same registry in the same way, of any other as `docker login` left it."""
    host, _ = registries.host_of(common, repo, os.environ)
    return opened(common, repo, reach if host == place.host else Reach(), beat)


def near(one: Place, other: Place) -> bool:
    """Say whether two repositories are one registry's."""
    return (one.host, one.where) == (other.host, other.where)


def check_push(place: Place) -> None:
    """Raise CliError when we may not push there, and Transient."""
    if why := place.registry.check(place.repo, push=True):
        raise CliError(f"{place.repo}: {why.reason}: {why.message}")


def look(place: Place, reference: Reference) -> Whole:
    """Return the whole image of a name. Raises CliError when it is not there or damaged."""
    try:
        top = place.registry.resolve(place.repo, reference.digest or reference.tag)
        if top is None:
            raise CliError(f"{reference} is not in the registry {place.where}: look whether its name is right")
        return whole.gather(top, place)
    except ValueError as error:
        raise CliError(f"{reference}: {error}") from error


def parse_target(text: str) -> Reference:
    """Read the name of what is to be written: `REPO:TAG`. Raises CliError (usage)."""
    found = images.parse(text)
    if not found.tag or found.digest:
        raise usage(f"{text!r} cannot be written: write REPO:TAG, and the digest comes of itself")
    if too_long := [tag for tag in manifest.tags_beside(found.tag) if not names.is_tag(tag)]:
        raise usage(f"{too_long[0]!r}, which would stand beside it, is no tag: give a shorter one")
    return found
