"""Where a job pushes to or pulls from, in the words of the object that it is for; and who opens that."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from shale.contracts import resources
from shale.oci.distribution.options import pause
from shale.oci.refusal import NoAccess
from shale.oci.registry import Registry


class Target(msgspec.Struct, frozen=True):
    """A repository; the object's namespace and the Secret that it names there (or none); how it speaks to the host."""

    repo: str
    namespace: str = ""
    secret: str = ""
    registry: resources.Registry = resources.Registry()


class Opener(Protocol):
    """The door to all registries: `Registries`, or one that a test plays."""

    def host(self, repo: str) -> str:
        """Return the host of a repository, as its registry's profile knows it; empty for a folder's, and for none."""
        ...

    def open(self, target: Target, pause: Callable[[float], None] = pause) -> Registry | NoAccess:
        """Return the registry of a target, for one job; what keeps us out of it else is `Registry.check`'s to find.

        `pause` waits between tries; one that raises ends the work. Blocks; raises Transient (at once for a host that
        was silent just now).
        """
        ...
