"""Which registry a name leads to, opened for one job as its object says.

A name whose first component is a host (`registry.example/models/x`) goes to that host's distribution API; any other
lies in the folder of layouts where there is one, else at the home registry, else nowhere.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from shale.oci import names
from shale.oci.distribution.options import Options, pause
from shale.oci.distribution.registry import Distribution
from shale.oci.distribution.transport import Trust
from shale.oci.layout import Layout
from shale.oci.refusal import NoAccess
from shale.oci.registry import Registry
from shale.registries.identity import Identity, no_access
from shale.registries.pools import Pools
from shale.registries.settings import RegistrySettings
from shale.registries.target import Target
from shale.secrets import choose
from shale.secrets.secret import Secret, Secrets


class Identify(Protocol):
    """How it is found out who we are."""

    def __call__(self, target: Target, host: str, path: str) -> Identity | NoAccess:
        """Return who we are to `host/path` on behalf of a target's object. Raises Transient."""
        ...


class Registries:
    """All registries, for many threads. Of what it opens, connections alone outlive a job: see `pools`.

    ValueError when the home registry is no host.
    """

    def __init__(
        self, settings: RegistrySettings, secrets: Secrets, identify: Identify, options: Options | None = None
    ) -> None:
        self._layout = Layout(Path(settings.layout_dir)) if settings.layout_dir else None
        self._home = _host(settings.home_registry)
        self._secrets, self._identify, self._options = secrets, identify, options or Options()
        self._pools = Pools(self._options.patience)

    def host(self, repo: str) -> str:
        """See `Opener.host`."""
        try:
            return names.split(repo, "" if self._layout else self._home)[0]
        except ValueError:
            return ""

    def open(self, target: Target, pause: Callable[[float], None] = pause) -> Registry | NoAccess:
        """See `Opener.open`."""
        try:
            host, path = names.split(target.repo, self._home)
        except ValueError as error:  # an older release's rules let it pass
            return NoAccess("NoRegistry", f"{error}; make a version with another imageRepo")
        if self._layout and not names.split(target.repo, "")[0]:
            return self._layout
        if not host:
            return _nowhere(target.repo)
        trust = self._trust(target)
        if isinstance(trust, NoAccess):
            return trust
        identity = self._identify(target, host, path)
        return identity if isinstance(identity, NoAccess) else self._distribution(host, identity, trust, pause)

    def _trust(self, target: Target) -> Trust | NoAccess:
        """Return whom the object believes."""
        said = target.registry
        if said.ca_secret_ref is None:
            return Trust(said.insecure)
        match self._secrets.get(target.namespace, said.ca_secret_ref.name):
            case Secret() as secret:
                found = choose.authority(secret)
                return Trust(said.insecure, found) if isinstance(found, str) else no_access(found)
            case refused:
                return no_access(refused)

    def _distribution(
        self, host: str, identity: Identity, trust: Trust, pause: Callable[[float], None]
    ) -> Registry | NoAccess:
        try:
            transport = self._pools.of(trust)
        except (ValueError, ssl.SSLError) as error:
            return NoAccess("SecretMalformed", f"the Secret of registry.caSecretRef holds no CA for {host}: {error}")
        changes = {"credentials": identity, "shown_to": identity.shown_to, "home": host, "pause": pause}
        transport.heed(self._options.profile(host).api or host, plain=trust.insecure)
        options = msgspec.structs.replace(self._options, insecure=trust.insecure, ca=trust.ca, **changes)
        return Distribution(options, transport)


def _host(text: str) -> str:
    """Return the home registry's host as names are split by it."""
    try:
        found = names.split(f"{text}/x", "")[0] if text else ""
    except ValueError:
        found = ""
    if found != text.lower():
        raise ValueError(f"SHALE_HOME_REGISTRY={text!r} is no host: write registry.example or 127.0.0.1:5000")
    return found


def _nowhere(repo: str) -> NoAccess:
    cure = "name one in imageRepo (registry.example/models/x), or set SHALE_LAYOUT_DIR or SHALE_HOME_REGISTRY"
    return NoAccess("NoRegistry", f"{repo} names no registry, and there is none at home: {cure}")
