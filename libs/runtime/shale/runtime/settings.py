"""Settings are read once, from the environment, into a frozen Struct; all complaints come together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

PREFIX = "SHALE_"

S = TypeVar("S", bound=msgspec.Struct)


class SettingsError(Exception):
    """One line per setting that cannot be used: its name, what it holds, what it must be."""


class Login(msgspec.Struct, frozen=True):
    """Who this process is to NATS. Credentials are read from a file: never from a command line."""

    nats_user: str = ""
    nats_password_file: str = ""

    def password(self) -> str:
        """Return what the file holds, without the end of its line. Raises SettingsError."""
        if not self.nats_password_file:
            return ""
        try:
            return Path(self.nats_password_file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise SettingsError(f"{PREFIX}NATS_PASSWORD_FILE={self.nats_password_file}: {why}") from error


class Settings(msgspec.Struct, frozen=True):
    """What every service process needs to know; times in seconds."""

    nats_url: str = "nats://127.0.0.1:4222"
    ack_wait: float = 30
    drain_seconds: float = 5
    lease_ttl: float = 10
    """How long a leader that died keeps others waiting."""
    health_host: str = "127.0.0.1"
    """A pod's own address where a kubelet is to ask."""
    health_port: int = 0
    """0: any free port, logged at the start; -1: none."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    instance: str = ""


def read(struct: type[S], environ: Mapping[str, str]) -> S:
    """Return the settings of one Struct: the field `nats_url` from SHALE_NATS_URL, and so on. Raises SettingsError."""
    given: dict[str, object] = {}
    complaints: list[str] = []
    for field in msgspec.structs.fields(struct):
        name = f"{PREFIX}{field.name.upper()}"
        if name in environ:
            try:
                given[field.name] = msgspec.convert(environ[name], field.type, strict=False)
            except msgspec.ValidationError as error:
                complaints.append(f"{name}={environ[name]!r}: {error}")
        elif field.required:
            complaints.append(f"{name} is not set")
    if complaints:
        raise SettingsError("\n".join(complaints))
    return struct(**given)
