"""What can come of a job, as values."""

import msgspec

from shale.contracts.artifact import Checkpoint, File, Small


class Refusal(msgspec.Struct, frozen=True):
    """What lies at the source is not what is on record for this generation: only a new attempt can mend it."""

    reason: str
    message: str


AT_A_SOURCE, AT_A_REGISTRY = 15.0, 60.0
"""Seconds until it is looked at again, for neither sends facts; registries may bar who comes too often."""


class Stall(msgspec.Struct, frozen=True):
    """Someone must act outside the spec, at the source or at the registry; the message names the cure."""

    reason: str
    message: str
    again_in: float = AT_A_SOURCE


class Listed(msgspec.Struct, frozen=True):
    """What a scan found: large files one by one, everything else in runs; and what was cut into tiles."""

    files: tuple[File, ...]
    small: tuple[Small, ...]
    checkpoints: tuple[Checkpoint, ...] = ()
