"""Who we are to a registry. What is secret never shows in a `repr`, so that no log or traceback holds it."""

from base64 import b64encode
from typing import Protocol

import msgspec


class Login(msgspec.Struct, frozen=True):
    """A user and a password, or what registries take in its place (a token of GitHub's, of ECR's...)."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.user!r})" if self.password else "Login()"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what nobody may read; who has no password has put a token into the place of the user."""
        return (self.header().removeprefix("Basic "), self.password or self.user)

    def header(self) -> str:
        """Return it as an `Authorization` (RFC 7617)."""
        return "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()


class Identity(msgspec.Struct, frozen=True):
    """A refresh token that is changed for access tokens (`identitytoken` of a dockerconfigjson; ACR)."""

    token: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what nobody may read."""
        return (self.token,)

    def __repr__(self) -> str:
        return "Identity()"


class Bearer(msgspec.Struct, frozen=True):
    """An access token that is sent as it is (`registrytoken` of a dockerconfigjson)."""

    token: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what nobody may read."""
        return (self.token,)

    def __repr__(self) -> str:
        return "Bearer()"


Credential = Login | Identity | Bearer


class Credentials(Protocol):
    """Where credentials come from; called from threads. None: we come without."""

    def __call__(self, host: str, *, again: bool) -> Credential | None:
        """Return what is known for a host as in the names of repositories, read anew when it was refused (`again`)."""
        ...


def anonymous(host: str, *, again: bool) -> Credential | None:
    """Come without."""
    _ = host, again
    return None
