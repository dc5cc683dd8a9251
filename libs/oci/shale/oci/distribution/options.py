"""How registries are spoken to, once for all of them; a job with a Secret or a CA of its own makes its own."""

from collections.abc import Callable
from threading import Event

import msgspec

from shale.oci.distribution.credentials import Credentials, anonymous
from shale.oci.distribution.patience import Patience
from shale.oci.distribution.refusals import Cures
from shale.oci.profiles import Profile, profile_of
from shale.oci.refusal import NoAccess


def pause(seconds: float) -> None:
    """Wait in this thread."""
    Event().wait(seconds)


def to_anyone(realm: str) -> NoAccess | None:
    """Let any token server that a registry names see the credential, as Docker does."""
    _ = realm


class Options(msgspec.Struct, frozen=True):
    """`home`: the registry of names without a host. `insecure`: no proof by TLS, and plain http where there is none.

    `ca`: the authorities to believe instead of the system's (PEM). `pause` waits between tries, and is asked to wait
    for no time at all before each request and each block of an answer, and twice a second while something else is
    waited for: what it raises ends the work, as a stop does.
    `shown_to` says why a token server (`host` or `host:port`) must not see the credential;
    `cures`: whence a login comes.
    """

    credentials: Credentials = anonymous
    home: str = "docker.io"
    insecure: bool = False
    ca: str = ""
    patience: Patience = Patience()
    pause: Callable[[float], None] = pause
    profile: Callable[[str], Profile] = profile_of
    shown_to: Callable[[str], NoAccess | None] = to_anyone
    cures: Cures = Cures()
