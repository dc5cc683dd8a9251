"""Which registry an image's name leads to, opened for the person at the keyboard."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from shale.cli.common import Common, registry_dir
from shale.cli.exits import CliError, usage
from shale.contracts import resources
from shale.oci import names
from shale.oci.distribution.options import pause
from shale.oci.refusal import NoAccess
from shale.oci.registry import Registry
from shale.registries.opening import open_for_person
from shale.registries.settings import RegistrySettings
from shale.registries.target import Target


class Reach(msgspec.Struct, frozen=True):
    """How a registry is reached: `secret` is NAMESPACE/NAME or empty, `insecure` as in a spec's `registry`."""

    secret: str = ""
    insecure: bool = False

    def target(self, repo: str) -> Target:
        """Return it for one repository. Raises CliError (usage)."""
        namespace, slash, name = self.secret.partition("/")
        if (self.secret and not (namespace and slash and name)) or "/" in name:
            raise usage(f"--secret {self.secret}: write NAMESPACE/NAME")
        return Target(repo, namespace, name, resources.Registry(insecure=self.insecure))


class Store(msgspec.Struct, frozen=True):
    """A registry that is open, and what it is called when something is not in it."""

    registry: Registry
    where: str


def opened(
    common: Common,
    repo: str,
    reach: Reach,
    environ: Mapping[str, str] = os.environ,
    pause: Callable[[float], None] = pause,
) -> Store:
    """Return the registry of a repository; `pause` ends its waits. Raises CliError with the cure, Transient."""
    found = open_for_person(reach.target(repo), settings(common, environ), environ, docker_config(environ), pause)
    if isinstance(found, NoAccess):
        raise CliError(f"{repo}: {found.reason}: {found.message}")
    return Store(found, where(common, repo, environ))


def settings(common: Common, environ: Mapping[str, str]) -> RegistrySettings:
    """Return what the services of this home are told; names without a host lie in its folder, or at the home registry.

    SHALE_HOME_REGISTRY counts where no SHALE_LAYOUT_DIR is set.
    """
    home = environ.get("SHALE_HOME_REGISTRY", "")
    folder = "" if home and not environ.get("SHALE_LAYOUT_DIR") else str(registry_dir(common, environ))
    return RegistrySettings(folder, home, environ.get("SHALE_SECRETS_DIR", ""))


def host_of(common: Common, repo: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the host that answers for a repository, and its path there; no host for the folder's."""
    said = settings(common, environ)
    host, path = names.split(repo, "" if said.layout_dir else said.home_registry)
    return host, path


def where(common: Common, repo: str, environ: Mapping[str, str]) -> str:
    """Return what a person calls the registry of a repository: its host, or its folder."""
    host, _ = host_of(common, repo, environ)
    return host or settings(common, environ).layout_dir


def docker_config(environ: Mapping[str, str]) -> Path:
    """Return where `docker login` leaves its word."""
    folder = environ.get("DOCKER_CONFIG")
    return Path(folder) / "config.json" if folder else Path.home() / ".docker" / "config.json"
