"""Pytest fixtures: real registries, each started once for a session and found empty by every test."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import msgspec
import pytest

from shale.oci.distribution.credentials import Credential, Login
from shale.oci.distribution.options import Options
from shale.oci.distribution.patience import Patience
from shale.oci.distribution.registry import Distribution
from shale.oci.profiles import DISTRIBUTION, Profile
from shale.testkit import certificates
from shale.testkit.dockerregistry import PASSWORD, USER, DockerRegistry, Setting
from shale.testkit.front import Front
from shale.testkit.tokenserver import TokenServer

PATIENCE = Patience(tries=4, first=0.01, longest=2.0, connect=5.0, read=10.0, commit=20.0)
LOGIN = Login(USER, PASSWORD)
PART = 2**19
"""Small parts, so that a large blob of a test has several."""


def known(login: Credential | None) -> Callable[..., Credential | None]:
    """Return credentials that are the same for every host."""

    def credentials(host: str, *, again: bool) -> Credential | None:
        _ = host, again
        return login

    return credentials


class Park:
    """The registries of a session, by how they are started."""

    def __init__(self, program: str, folders: pytest.TempPathFactory, stack: ExitStack) -> None:
        self._program, self._folders, self._stack = program, folders, stack
        self._running: dict[str, DockerRegistry] = {}
        self._certificate: certificates.Certificate | None = None
        self._tokens: TokenServer | None = None

    @property
    def certificate(self) -> certificates.Certificate:
        """The one certificate: of the servers' TLS, and of the token server's signatures."""
        if self._certificate is None:
            self._certificate = certificates.make(self._folders.mktemp("certificates"))
        return self._certificate

    @property
    def tokens(self) -> TokenServer:
        """The one token server."""
        if self._tokens is None:
            self._tokens = self._stack.enter_context(TokenServer(self.certificate))
        return self._tokens

    def server(self, kind: str) -> DockerRegistry:
        """Return the running registry of a kind, with nothing in it."""
        if kind not in self._running:
            server = DockerRegistry(self._program, self._folders.mktemp(kind), self._setting(kind))
            self._running[kind] = self._stack.enter_context(server)
        self._running[kind].wipe()
        return self._running[kind]

    def running(self, kind: str) -> DockerRegistry:
        """Return the running registry of a kind, as it is."""
        return self._running[kind]

    def options(self, kind: str, **changes: object) -> Options:
        """Return the options that reach a registry of a kind as the user who may do everything."""
        login = LOGIN if kind in {"htpasswd", "token"} else None
        ca = self.certificate.pem if kind == "tls" else ""
        host = self._running[kind].host
        options = Options(known(login), host, ca=ca, patience=PATIENCE, profile=small_parts)
        return msgspec.structs.replace(options, **changes)

    def _setting(self, kind: str) -> Setting:
        match kind:
            case "plain":
                return Setting()
            case "keeping":
                return Setting(deletes=False)
            case "tls":
                return Setting(tls=self.certificate)
            case "htpasswd":
                return Setting(htpasswd=True)
            case "token":
                return Setting(token_realm=self.tokens.realm, token_root=self.certificate.certificate)
            case _:
                raise ValueError(kind)


def small_parts(host: str) -> Profile:
    """Return distribution's profile with small parts."""
    _ = host
    return msgspec.structs.replace(DISTRIBUTION, part_bytes=PART)


@pytest.fixture(scope="session")
def park(debian_tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Park]:
    """Hold the registries of the session; without docker-registry the test is skipped, and under CI=true fails."""
    with ExitStack() as stack:
        yield Park(debian_tool("docker-registry"), tmp_path_factory, stack)


class Rough:
    """A door to a real registry, and the server in between that makes trouble when told to."""

    def __init__(self, front: Front, registry: Distribution) -> None:
        self.front, self.registry = front, registry


@pytest.fixture
def rough(distribution_behind: Callable[..., Rough]) -> Rough:
    """Return a door to a plain registry behind a front."""
    return distribution_behind("plain")


@pytest.fixture
def distribution_behind(park: Park) -> Generator[Callable[..., Rough]]:
    """Return what makes a door to the registry of a kind behind a front, emptied before."""
    with ExitStack() as stack:

        def make(kind: str, **changes: object) -> Rough:
            front = stack.enter_context(Front(park.server(kind).host))
            registry = Distribution(park.options(kind, **({"home": front.host} | changes)))
            stack.callback(registry.close)
            return Rough(front, registry)

        yield make


@pytest.fixture
def distribution_at(park: Park) -> Generator[Callable[..., Distribution]]:
    """Return what makes a door to the registry of a kind, emptied before."""
    with ExitStack() as stack:

        def make(kind: str, **changes: object) -> Distribution:
            park.server(kind)
            registry = Distribution(park.options(kind, **changes))
            stack.callback(registry.close)
            return registry

        yield make
