"""The door to credentials: a Secret, by the name that an object gives, in its own namespace.

`get` blocks and belongs in a thread. What a caller expects comes back as a value whose message says the cure; what
passes by itself is raised as `Transient`. Nothing is kept: a Secret is read for one job, and again after a 401.
"""

from collections.abc import Mapping
from typing import ClassVar, Protocol

import msgspec

from shale.secrets.hidden import Hidden


class Secret(msgspec.Struct, frozen=True):
    """What one Secret holds. Of its labels and annotations only Shale's own are kept.

    `kubectl apply` leaves the whole Secret in an annotation.
    """

    namespace: str
    name: str
    type: str = "Opaque"
    data: Mapping[str, Hidden[bytes]] = {}
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}

    def __str__(self) -> str:
        return f"Secret {self.namespace}/{self.name}"


class Missing(msgspec.Struct, frozen=True):
    """There is no such Secret."""

    message: str
    reason: ClassVar[str] = "SecretNotFound"


class Forbidden(msgspec.Struct, frozen=True):
    """Shale may not read it, or whoever it is shown to does not take it."""

    message: str
    reason: ClassVar[str] = "SecretForbidden"


class NotGranted(msgspec.Struct, frozen=True):
    """Shale can read it, but its owner did not say that it may be used, or not for this host."""

    message: str
    reason: ClassVar[str] = "SecretNotGranted"


class Malformed(msgspec.Struct, frozen=True):
    """It does not hold what it should; the message names the key and never the value."""

    message: str
    reason: ClassVar[str] = "SecretMalformed"


Refused = Missing | Forbidden | NotGranted | Malformed
"""What needs a person: each has a `reason` for a condition, and a `message`."""


class Secrets(Protocol):
    """Every Secret that Shale may read."""

    def get(self, namespace: str, name: str) -> Secret | Refused:
        """Return a Secret that its owner has labelled for use."""
        ...
