"""What can come of a job, as values."""

import msgspec

from shale.contracts.artifact import File, Small


class Refusal(msgspec.Struct, frozen=True):
    """What cannot be done with what lies at the source."""

    reason: str
    message: str


class Listed(msgspec.Struct, frozen=True):
    """What a scan found: large files one by one, everything else in runs."""

    files: tuple[File, ...]
    small: tuple[Small, ...]
