"""What can come of a job, as values."""

import msgspec

from shale.contracts.artifact import File, Small


class Refusal(msgspec.Struct, frozen=True):
    """What lies at the source is not what is on record for this generation: only a new attempt can mend it."""

    reason: str
    message: str


class Stall(msgspec.Struct, frozen=True):
    """Someone must act outside the spec, at the source or at the registry; the message names the cure."""

    reason: str
    message: str


class Listed(msgspec.Struct, frozen=True):
    """What a scan found: large files one by one, everything else in runs."""

    files: tuple[File, ...]
    small: tuple[Small, ...]
