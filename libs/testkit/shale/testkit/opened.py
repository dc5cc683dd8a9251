"""One registry for every name: what a test hands to services that open a registry for each job."""

from collections.abc import Callable

from shale.oci import names
from shale.oci.distribution.options import pause
from shale.oci.refusal import NoAccess
from shale.oci.registry import Registry
from shale.registries.target import Target


class Opened:
    """See `shale.registries.target.Opener`. `keeps_out` may be set to what keeps everybody out."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.keeps_out: NoAccess | None = None
        self.asked: list[Target] = []

    def host(self, repo: str) -> str:
        """Return the host that a name holds."""
        return names.split(repo, "")[0]

    def open(self, target: Target, pause: Callable[[float], None] = pause) -> Registry | NoAccess:
        """Return the registry, whoever asks."""
        _ = pause
        self.asked.append(target)
        return self.keeps_out or self.registry
